//! Whole numbers as decimal digits, without a loop or a table.

/// How many bytes [`write`] may touch.
pub(super) const MOST: usize = 24;
const EIGHT: u64 = 100_000_000;

/// Writes a number from the left; gives how many digits it has. What stands behind them means nothing.
#[inline]
pub(super) fn write(out: &mut [u8; MOST], number: u64) -> usize {
    if number < EIGHT {
        return short(out, number);
    }
    let (high, low) = (number / EIGHT, eight(number % EIGHT));
    let length = if high < EIGHT {
        short(out, high)
    } else {
        let length = short(out, high / EIGHT);
        put(out, length, eight(high % EIGHT));
        length + 8
    };
    put(out, length, low);
    length + 8
}

/// A number of up to eight digits, without zeros before it.
#[inline]
fn short(out: &mut [u8; MOST], number: u64) -> usize {
    let digits = eight(number);
    let zeros = ((digits & !ZEROS).trailing_zeros() / 8).min(7);
    put(out, 0, digits >> (8 * zeros));
    8 - zeros as usize
}

#[inline]
fn put(out: &mut [u8; MOST], at: usize, digits: u64) {
    if let Some(target) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *target = digits.to_le_bytes();
    }
}

const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);

/// All eight digits of a number below 100,000,000; the first in the lowest byte.
///
/// Halves, pairs and digits are split side by side, each by a multiplication with the inverse.
#[inline]
pub(super) const fn eight(number: u64) -> u64 {
    let halves = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | ((halves - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    (tens | ((pairs - 10 * tens) << 8)) + ZEROS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_display() {
        let mut numbers: Vec<u64> = (0..20_000).collect();
        for power in 0..20 {
            let ten = 10u64.pow(power);
            numbers.extend([ten - 1, ten, ten + 1, ten.wrapping_mul(9), ten / 7 * 5]);
        }
        numbers.extend([
            u64::MAX,
            u64::MAX / 3,
            1 << 63,
            99_999_999,
            12_345_678,
            9_999_999_999_999_999,
        ]);
        for number in numbers {
            let mut out = [0; MOST];
            let length = write(&mut out, number);
            assert_eq!(&out[..length], number.to_string().as_bytes());
        }
    }

    #[test]
    fn every_number_of_eight_digits_in_steps() {
        for number in (0..EIGHT).step_by(997) {
            assert_eq!(eight(number).to_le_bytes(), format!("{number:08}").as_bytes());
        }
    }
}
