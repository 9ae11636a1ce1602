//! Overlaps between ranges of numbers, found by sorting rather than by comparing each with each.

/// A range of numbers, both ends inclusive, and which one it is among its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) index: u32,
}

/// Ranges in order. Those that end before they start are left out: they are a finding of their own.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranges(Vec<Range>);

impl Ranges {
    pub(super) fn new(ranges: impl Iterator<Item = (i64, i64)>) -> Self {
        let ranges = (0u32..)
            .zip(ranges)
            .map(|(index, (first, last))| Range { first, last, index });
        let mut sorted: Vec<_> = ranges.filter(|range| range.first <= range.last).collect();
        sorted.sort_unstable();
        Self(sorted)
    }

    /// Pairs that overlap: each range with the one before it that reaches furthest.
    pub(super) fn overlaps(&self) -> impl Iterator<Item = (Range, Range)> + '_ {
        let mut furthest: Option<Range> = None;
        self.0.iter().filter_map(move |range| {
            let before = furthest.filter(|before| before.last >= range.first);
            if furthest.is_none_or(|before| before.last < range.last) {
                furthest = Some(*range);
            }
            before.map(|before| (before, *range))
        })
    }

    /// A range that holds `number`. The ranges must not overlap each other for this to find each.
    pub(super) fn holding(&self, number: i64) -> Option<Range> {
        let after = self.0.partition_point(|range| range.first <= number);
        let found = self.0.get(after.checked_sub(1)?)?;
        (number <= found.last).then_some(*found)
    }

    /// Pairs of one range of `self` and one of `other` that overlap, at least one for each of `self` that overlaps any.
    pub(super) fn shared<'r>(&'r self, other: &'r Self) -> impl Iterator<Item = (Range, Range)> + 'r {
        self.0.iter().filter_map(|range| {
            let after = other.0.partition_point(|found| found.first <= range.last);
            let found = other.0.get(after.checked_sub(1)?)?;
            (found.last >= range.first).then_some((*range, *found))
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(list: &[(i64, i64)]) -> Ranges {
        Ranges::new(list.iter().copied())
    }

    #[test]
    fn overlaps_are_found_once() {
        let found: Vec<_> = ranges(&[(10, 20), (1, 5), (5, 7), (30, 29), (15, 16)])
            .overlaps()
            .collect();
        let pairs: Vec<_> = found.iter().map(|(one, other)| (one.index, other.index)).collect();
        assert_eq!(pairs, [(1, 2), (0, 4)]);
        assert_eq!(ranges(&[(1, 2), (3, 4)]).overlaps().count(), 0);
    }

    #[test]
    fn a_wide_range_covers_later_ones() {
        assert_eq!(ranges(&[(1, 100), (2, 3), (50, 60)]).overlaps().count(), 2);
    }

    #[test]
    fn numbers_and_other_ranges_are_found() {
        let all = ranges(&[(1, 5), (10, 20)]);
        assert!(all.holding(5).is_some() && all.holding(6).is_none() && all.holding(0).is_none());
        assert_eq!(ranges(&[(6, 9), (4, 4), (20, 30)]).shared(&all).count(), 2);
    }
}
