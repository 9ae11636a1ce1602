//! Prices.

use std::fmt;

use super::messages::Money;

const CURRENCY: &str = "EUR";
const NANOS: i64 = 1_000_000_000;
const NANOS_A_CENT: i64 = 10_000_000;
/// No book is dearer. In cents.
const MOST: i64 = 10_000_000;

/// An amount in cents, of the one currency that the shop takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cents(i64);

impl Cents {
    pub(super) const fn new(cents: i64) -> Self {
        Self(cents)
    }

    /// A price that the shop can ask; else what is wrong with it.
    pub(super) fn price(money: Option<&Money>) -> Result<Self, String> {
        let money = money.ok_or("is needed")?;
        if money.currency != CURRENCY {
            return Err(format!("currency: the shop takes {CURRENCY}, not {:?}", money.currency));
        }
        if money.units < 0 || money.nanos < 0 || i64::from(money.nanos) >= NANOS {
            return Err("is negative, or has nanos that make whole units".into());
        }
        if i64::from(money.nanos) % NANOS_A_CENT != 0 {
            return Err("nanos: there is nothing smaller than a cent".into());
        }
        let cents = money
            .units
            .saturating_mul(100)
            .saturating_add(i64::from(money.nanos) / NANOS_A_CENT);
        if (1..=MOST).contains(&cents) {
            Ok(Self(cents))
        } else {
            Err("is not between 1 cent and 100000 EUR".into())
        }
    }

    pub(super) fn money(self) -> Money {
        Money {
            currency: CURRENCY.into(),
            units: self.0 / 100,
            // Below a billion.
            nanos: i32::try_from(self.0 % 100 * NANOS_A_CENT).unwrap_or_default(),
        }
    }

    pub(super) fn times(self, count: i32) -> Self {
        Self(self.0.saturating_mul(count.into()))
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is wanted becomes dearer by two percent, by a cent at least.
    pub(super) fn raised(self) -> Self {
        Self((self.0 + (self.0 / 50).max(1)).min(MOST))
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} {CURRENCY}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(currency: &str, units: i64, nanos: i32) -> Result<Cents, String> {
        Cents::price(Some(&Money {
            currency: currency.into(),
            units,
            nanos,
        }))
    }

    #[test]
    fn prices_are_whole_cents_of_one_currency() {
        assert_eq!(price("EUR", 9, 990_000_000), Ok(Cents(999)));
        for refused in [
            price("USD", 9, 0),
            price("EUR", 0, 0),
            price("EUR", -1, 0),
            price("EUR", 1, 1),
            price("EUR", 1, 1_000_000_000),
            price("EUR", i64::MAX, 0),
            Cents::price(None),
        ] {
            assert!(refused.is_err(), "{refused:?}");
        }
    }

    #[test]
    fn amounts_go_there_and_back() {
        assert_eq!(Cents::price(Some(&Cents(1205).money())), Ok(Cents(1205)));
        assert_eq!(Cents(1205).to_string(), "12.05 EUR");
        assert_eq!(Cents(10).raised(), Cents(11));
        assert_eq!(Cents(1000).raised(), Cents(1020));
    }
}
