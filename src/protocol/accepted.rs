//! The codings that a client takes, and which of them it likes best.

use descant_handlers::{Encoding, Encodings};

use super::weight::weight;

/// What the lists of `accept-encoding` and its like say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Accepted {
    pub(super) among: Encodings,
    /// The one that the client likes best, and how much, in thousandths.
    best: Option<(Encoding, u32)>,
}

impl Accepted {
    /// Adds the codings of a list; unknown ones are passed over, and those of which the client says `q=0` (RFC 9110, section
    /// 12.4.2).
    ///
    /// Of those that the client likes equally, the one that it names first is the best if the list is `ordered`, else the one
    /// that we like best.
    pub(super) fn add(&mut self, list: &[u8], ordered: bool) {
        // What is no text names no coding.
        let list = str::from_utf8(list).unwrap_or_default();
        for item in list.split(',') {
            let name = item.split(';').next().unwrap_or_default().trim_ascii();
            let weight = weight(item);
            let Some(coding) = Encoding::of_http(name).filter(|_| weight > 0) else {
                continue;
            };
            self.among.insert(coding);
            let better = |(best, most): (Encoding, u32)| weight > most || weight == most && !ordered && coding < best;
            if self.best.is_none_or(better) {
                self.best = Some((coding, weight));
            }
        }
    }

    /// The best of them.
    pub(super) fn best(self) -> Option<Encoding> {
        self.best.map(|(coding, _)| coding)
    }
}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use super::*;

    #[test]
    fn the_client_says_what_it_takes() {
        let mut taken = Accepted::default();
        taken.add(b"br;q=1.0, rot13,deflate ; q=0.000", false);
        taken.add(b"identity , zstd;q=0.1,snappy;q=0", false);
        let names: Vec<_> = taken.among.iter().map(Encoding::name).collect();
        assert_eq!(names, ["zstd", "br"]);
    }

    #[test]
    fn the_client_says_what_it_likes_best() {
        for (list, ordered, best) in [
            ("gzip, br", true, Some("gzip")),
            ("br, gzip", true, Some("br")),
            ("br, gzip", false, Some("gzip")),
            ("zstd;q=0.1, br;q=0.9", false, Some("br")),
            ("br;q=0, X-GZip;q=0.001", true, Some("gzip")),
            ("identity, rot13, *", false, None),
            ("", true, None),
        ] {
            let mut taken = Accepted::default();
            taken.add(list.as_bytes(), ordered);
            assert_eq!(taken.best().map(Encoding::name), best, "{list}");
        }
    }
}
