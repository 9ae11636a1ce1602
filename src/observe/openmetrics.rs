//! Metrics in the text format of OpenMetrics, which has exemplars. The crate `prometheus` writes only the older one.
//! <https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md>

use std::{
    collections::HashSet,
    fmt::{self, Display, Write},
    time::UNIX_EPOCH,
};

use prometheus::proto::{Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::exemplars::Exemplar;
use crate::protocol::weight;

pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether a scraper likes it better than the older format. RFC 9110, section 12.5.1.
pub(super) fn is_accepted(accept: &str) -> bool {
    let (mut own, mut other) = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim_ascii);
        let kind = parts.next().unwrap_or_default();
        let version = parts.find_map(|part| part.strip_prefix("version="));
        if kind.eq_ignore_ascii_case("application/openmetrics-text") {
            if matches!(version, None | Some("1.0.0")) {
                own = weight(range).max(own);
            }
        } else if matches!(version, None | Some("0.0.4")) && (kind == "*/*" || kind.starts_with("text/")) {
            other = weight(range).max(other);
        }
    }
    own > 0 && own >= other
}

/// The exemplar of a bucket of a series, by its labels.
pub(super) type Find<'a> = &'a dyn Fn(&str, &[LabelPair], usize) -> Option<Exemplar>;

/// Units that the names of metrics end in, as Prometheus would have it.
const UNITS: [&str; 3] = ["seconds", "bytes", "ratio"];

/// Everything that was gathered, from `# TYPE` to `# EOF`.
pub(super) fn write(families: &[MetricFamily], exemplars: Find<'_>) -> String {
    let names: HashSet<_> = families.iter().map(MetricFamily::name).collect();
    let mut text = String::new();
    for family in families {
        // A string takes whatever is written to it.
        let _ = write_family(&mut text, family, &names, exemplars);
    }
    text.push_str("# EOF\n");
    text
}

fn write_family(text: &mut String, family: &MetricFamily, names: &HashSet<&str>, exemplars: Find<'_>) -> fmt::Result {
    let (name, kind) = named(family, names);
    writeln!(text, "# TYPE {name} {kind}")?;
    if let Some(unit) = UNITS.iter().find(|unit| is_in(name, unit)) {
        writeln!(text, "# UNIT {name} {unit}")?;
    }
    if !family.help().is_empty() {
        writeln!(text, "# HELP {name} {}", Escaped(family.help()))?;
    }
    for metric in family.get_metric() {
        let mut sample = Sample { text, name, metric };
        match family.get_field_type() {
            MetricType::COUNTER => {
                let suffix = if kind == "counter" { "_total" } else { "" };
                sample.write(suffix, None, metric.get_counter().get_value(), None)?;
            }
            MetricType::GAUGE => sample.write("", None, metric.get_gauge().get_value(), None)?,
            MetricType::HISTOGRAM => {
                let find = |bucket| exemplars(family.name(), metric.get_label(), bucket);
                sample.histogram(metric.get_histogram(), &find)?;
            }
            MetricType::SUMMARY => {
                let summary = metric.get_summary();
                for quantile in summary.get_quantile() {
                    let label = ("quantile", quantile.quantile());
                    sample.write("", Some(label), quantile.value(), None)?;
                }
                sample.write("_sum", None, summary.sample_sum(), None)?;
                sample.count("_count", None, summary.sample_count(), None)?;
            }
            // The crate `prometheus` makes none.
            MetricType::UNTYPED => {}
        }
    }
    Ok(())
}

/// The name of a family, and its type. A counter's samples end in `_total`, which its family does not. Where a counter has another
/// name, or its family's is taken, it is of no known type: in either format a series has one name.
fn named<'a>(family: &'a MetricFamily, names: &HashSet<&str>) -> (&'a str, &'static str) {
    let name = family.name();
    match family.get_field_type() {
        MetricType::COUNTER => match name.strip_suffix("_total") {
            Some(stem) if !names.contains(stem) => (stem, "counter"),
            _ => (name, "unknown"),
        },
        MetricType::GAUGE => (name, "gauge"),
        MetricType::HISTOGRAM => (name, "histogram"),
        MetricType::SUMMARY => (name, "summary"),
        MetricType::UNTYPED => (name, "unknown"),
    }
}

fn is_in(name: &str, unit: &str) -> bool {
    name.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'))
}

/// The lines of one metric.
struct Sample<'a> {
    text: &'a mut String,
    name: &'a str,
    metric: &'a Metric,
}

/// A label that is a number.
type Extra = Option<(&'static str, f64)>;

impl Sample<'_> {
    fn histogram(&mut self, histogram: &Histogram, exemplar: &dyn Fn(usize) -> Option<Exemplar>) -> fmt::Result {
        let buckets = histogram.get_bucket();
        for (place, bucket) in buckets.iter().enumerate() {
            let label = ("le", bucket.upper_bound());
            self.count("_bucket", Some(label), bucket.cumulative_count(), exemplar(place))?;
        }
        let count = histogram.get_sample_count();
        if buckets.last().is_none_or(|last| last.upper_bound() != f64::INFINITY) {
            let last = exemplar(buckets.len());
            self.count("_bucket", Some(("le", f64::INFINITY)), count, last)?;
        }
        self.write("_sum", None, histogram.get_sample_sum(), None)?;
        self.count("_count", None, count, None)
    }

    fn count(&mut self, suffix: &str, extra: Extra, count: u64, exemplar: Option<Exemplar>) -> fmt::Result {
        self.line(suffix, extra, &count, exemplar)
    }

    fn write(&mut self, suffix: &str, extra: Extra, value: f64, exemplar: Option<Exemplar>) -> fmt::Result {
        self.line(suffix, extra, &Number(value), exemplar)
    }

    fn line(&mut self, suffix: &str, extra: Extra, value: &dyn Display, exemplar: Option<Exemplar>) -> fmt::Result {
        write!(self.text, "{}{suffix}", self.name)?;
        self.labels(extra)?;
        write!(self.text, " {value}")?;
        let milliseconds = self.metric.timestamp_ms();
        if milliseconds != 0 {
            let (seconds, part) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
            write!(self.text, " {seconds}.{part:03}")?;
        }
        if let Some(exemplar) = exemplar {
            let at = exemplar.at.duration_since(UNIX_EPOCH).unwrap_or_default();
            write!(
                self.text,
                " # {{trace_id=\"{:032x}\",span_id=\"{:016x}\"}} {} {}.{:03}",
                u128::from_be_bytes(exemplar.trace_id),
                u64::from_be_bytes(exemplar.span_id),
                Number(exemplar.value),
                at.as_secs(),
                at.subsec_millis(),
            )?;
        }
        self.text.write_char('\n')
    }

    fn labels(&mut self, extra: Extra) -> fmt::Result {
        let mut before = '{';
        for label in self.metric.get_label() {
            write!(self.text, "{before}{}=\"{}\"", label.name(), Escaped(label.value()))?;
            before = ',';
        }
        if let Some((name, number)) = extra {
            write!(self.text, "{before}{name}=\"{}\"", Bound(number))?;
            before = ',';
        }
        if before == ',' {
            self.text.write_char('}')?;
        }
        Ok(())
    }
}

/// A value.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            number if number.is_nan() => f.write_str("NaN"),
            number => number.fmt(f),
        }
    }
}

/// A number that is a label, and so has one way to be written: with a point. OpenMetrics, "Considerations: Canonical Numbers".
struct Bound(f64);

impl Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_finite() {
            write!(f, "{:?}", self.0)
        } else {
            Number(self.0).fmt(f)
        }
    }
}

/// Text in a label or in words for people.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use prometheus::{
        Counter, Gauge, GaugeVec, Histogram as Measured, HistogramOpts, Opts, Registry, core::Collector as _,
    };

    use super::*;

    fn written(registry: &Registry) -> String {
        write(&registry.gather(), &|_, _, _| None)
    }

    fn registry(collectors: Vec<Box<dyn prometheus::core::Collector>>) -> Registry {
        let registry = Registry::new();
        for collector in collectors {
            registry.register(collector).unwrap();
        }
        registry
    }

    #[test]
    fn it_is_for_those_who_ask_for_it() {
        for (accept, wanted) in [
            ("", false),
            ("*/*", false),
            ("text/plain", false),
            ("application/openmetrics-text", true),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", true),
            ("application/openmetrics-text;version=0.0.1", false),
            ("application/openmetrics-text;version=2.0.0", false),
            ("application/openmetrics-text;q=0", false),
            ("text/plain;version=0.0.4,application/openmetrics-text;q=0.5", false),
            // Prometheus 2.53 and 3.
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                true,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                true,
            ),
        ] {
            assert_eq!(is_accepted(accept), wanted, "{accept}");
        }
    }

    #[test]
    fn nothing_is_an_end() {
        assert_eq!(written(&Registry::new()), "# EOF\n");
    }

    #[test]
    fn counters_have_the_names_that_they_have_elsewhere() {
        let counters = ["asked_total", "rest_bytes_total", "odd", "taken_total"];
        let mut all: Vec<Box<dyn prometheus::core::Collector>> = Vec::new();
        for name in counters {
            let counter = Counter::new(name, "How often.").unwrap();
            counter.inc_by(2.5);
            all.push(Box::new(counter));
        }
        all.push(Box::new(Gauge::new("taken", "Somebody else's.").unwrap()));
        let text = written(&registry(all));
        for lines in [
            "# TYPE asked counter\n# HELP asked How often.\nasked_total 2.5\n",
            "# TYPE rest_bytes counter\n# UNIT rest_bytes bytes\n# HELP rest_bytes How often.\nrest_bytes_total 2.5\n",
            "# TYPE odd unknown\n# HELP odd How often.\nodd 2.5\n",
            "# TYPE taken_total unknown\n# HELP taken_total How often.\ntaken_total 2.5\n",
        ] {
            assert!(text.contains(lines), "{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn text_is_escaped_and_numbers_have_their_words() {
        let gauges = GaugeVec::new(Opts::new("state", "A \"b\"\\\nc"), &["which"]).unwrap();
        gauges.with_label_values(&["a\"b\\c\nd"]).set(f64::NEG_INFINITY);
        gauges.with_label_values(&["ü"]).set(f64::NAN);
        let text = written(&registry(vec![Box::new(gauges)]));
        assert!(text.contains("# HELP state A \\\"b\\\"\\\\\\nc\n"), "{text}");
        assert!(text.contains("state{which=\"a\\\"b\\\\c\\nd\"} -Inf\n"), "{text}");
        assert!(text.contains("state{which=\"ü\"} NaN\n"), "{text}");
    }

    #[test]
    fn buckets_have_exemplars() {
        let opts = HistogramOpts::new("took_seconds", "How long.").buckets(vec![0.000_1, 1.0, 10.0]);
        let measured = Measured::with_opts(opts).unwrap();
        measured.observe(0.5);
        measured.observe(60.0);
        let exemplar = Exemplar {
            trace_id: [0xab; 16],
            span_id: [1; 8],
            value: 0.5,
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_500_250),
        };
        let find = |family: &str, labels: &[LabelPair], bucket: usize| {
            assert_eq!((family, labels.len()), ("took_seconds", 0));
            (bucket == 1 || bucket == 3).then_some(exemplar)
        };
        let told = "# {trace_id=\"abababababababababababababababab\",span_id=\"0101010101010101\"} 0.5 1500.250";
        let wanted = [
            "# TYPE took_seconds histogram",
            "# UNIT took_seconds seconds",
            "# HELP took_seconds How long.",
            "took_seconds_bucket{le=\"0.0001\"} 0",
            &format!("took_seconds_bucket{{le=\"1.0\"}} 1 {told}"),
            "took_seconds_bucket{le=\"10.0\"} 1",
            &format!("took_seconds_bucket{{le=\"+Inf\"}} 2 {told}"),
            "took_seconds_sum 60.5",
            "took_seconds_count 2",
            "# EOF\n",
        ];
        assert_eq!(write(&measured.collect(), &find), wanted.join("\n"));
    }
}
