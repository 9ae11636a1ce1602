//! What is converted: messages of six kinds, each as wire and as JSON. The count of instructions in
//! `descriptors/benches/count.rs` shares them.

use descant_descriptors::{Codec, Schema};
use fastrand::Rng;

/// Messages of one kind, of one type.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) type_name: &'static str,
    pub(crate) wires: Vec<Vec<u8>>,
    pub(crate) jsons: Vec<Vec<u8>>,
}

impl Kind {
    fn new(schema: &Schema, name: &'static str, type_name: &'static str, messages: &[Vec<String>]) -> Self {
        let jsons: Vec<_> = messages.iter().map(|members| object(members).into_bytes()).collect();
        Self {
            name,
            type_name,
            wires: jsons.iter().map(|json| wire(schema, type_name, json)).collect(),
            jsons,
        }
    }

    /// With the second half of the fields before the first: legal, but not in the order of their numbers.
    fn halves_swapped(mut self, schema: &Schema, messages: &[Vec<String>]) -> Self {
        let of = |members: &[String]| wire(schema, self.type_name, object(members).as_bytes());
        let swapped = messages.iter().map(|members| {
            let (first, second) = members.split_at(members.len() / 2);
            [of(second), of(first)].concat()
        });
        self.wires = swapped.collect();
        self
    }
}

fn wire(schema: &Schema, type_name: &str, json: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let message = schema.message(type_name).unwrap();
    Codec::default().json_to_wire(&message, json, &mut wire).unwrap();
    wire
}

/// The kinds, of the messages of `orders.proto`.
pub(crate) fn kinds(schema: &Schema) -> Vec<Kind> {
    let mut rng = Rng::with_seed(1);
    let mut many = |count: usize, items: usize, alphabet: &str| -> Vec<Vec<String>> {
        (0..count).map(|_| order(&mut rng, items, alphabet)).collect()
    };
    let medium = many(256, 6, ASCII);
    vec![
        Kind::new(schema, "S", "orders.Small", &small()),
        Kind::new(schema, "M", "orders.Order", &medium),
        Kind::new(schema, "L", "orders.Order", &many(8, 150, ASCII)),
        Kind::new(schema, "B", "orders.Blob", &blobs()),
        Kind::new(schema, "N", "orders.Order", &medium).halves_swapped(schema, &medium),
        Kind::new(schema, "U", "orders.Order", &many(64, 6, UNICODE)),
    ]
}

const ASCII: &str = "abcdefghijklmnopqrstuvwxyz 0123456789-_./";
const UNICODE: &str = "äöüßéèñçøåłžşğ漢字仮名한글😀🚀\"\n";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn object(members: &[String]) -> String {
    format!("{{{}}}", members.join(","))
}

fn list<T: ToString>(values: impl Iterator<Item = T>) -> String {
    format!(
        "[{}]",
        values.map(|value| value.to_string()).collect::<Vec<_>>().join(",")
    )
}

/// A string in quotes, of so many letters.
fn text(rng: &mut Rng, alphabet: &str, length: std::ops::Range<usize>) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let count = rng.usize(length);
    let text: String = (0..count).map(|_| letters[rng.usize(..letters.len())]).collect();
    format!("\"{}\"", text.replace('"', "\\\"").replace('\n', "\\n"))
}

fn order(rng: &mut Rng, items: usize, alphabet: &str) -> Vec<String> {
    let mut word = |length| text(rng, alphabet, length);
    let customer = format!(
        r#"{{"name":{},"mail":{},"address":{{"street":{},"city":{},"postalCode":{},"country":{}}},"since":"1234567890"}}"#,
        word(10..20),
        word(15..25),
        word(12..24),
        word(6..14),
        word(5..6),
        word(2..3),
    );
    let card = format!(
        r#"{{"holder":{},"lastDigits":{},"month":7,"year":2031}}"#,
        word(10..20),
        word(4..5)
    );
    // As they fall out of a hash table: in no order.
    let labels: Vec<_> = [2, 0, 1]
        .iter()
        .map(|index| format!(r#""label-{index}":{}"#, word(6..14)))
        .collect();
    let (name, notes) = (word(20..30), [word(20..40), word(20..40)]);
    vec![
        format!(r#""name":{name}"#),
        format!(r#""number":"{}""#, rng.i64(1 << 20..1 << 50)),
        format!(r#""customer":{customer}"#),
        format!(r#""items":{}"#, list((0..items).map(|_| item(rng, alphabet)))),
        r#""state":"STATE_SHIPPED""#.to_owned(),
        format!(r#""created":"{}""#, time(rng)),
        format!(r#""updated":"{}""#, time(rng)),
        format!(r#""labels":{}"#, object(&labels)),
        format!(r#""total":{}"#, f64::from(rng.u32(100..1_000_000)) / 100.0),
        r#""paid":true"#.to_owned(),
        format!(r#""digest":{}"#, text(rng, BASE64, 44..45)),
        format!(r#""card":{card}"#),
        format!(r#""scores":{}"#, list((0..8).map(|_| rng.i32(0..100_000)))),
        format!(r#""notes":{}"#, list(notes.iter())),
    ]
}

fn time(rng: &mut Rng) -> String {
    format!(
        "20{}-0{}-{}T1{}:{}:{}.{}Z",
        rng.u8(17..30),
        rng.u8(1..10),
        rng.u8(10..29),
        rng.u8(0..10),
        rng.u8(10..60),
        rng.u8(10..60),
        rng.u16(100..1000)
    )
}

fn item(rng: &mut Rng, alphabet: &str) -> String {
    let mut word = |length| text(rng, alphabet, length);
    let (product, tags) = (word(16..32), [word(4..10), word(4..10)]);
    let quantity = rng.i32(1..50);
    let price = format!(
        r#"{{"currency":"EUR","units":"{}","nanos":{}}}"#,
        rng.i64(1..5000),
        rng.i32(1..100) * 10_000_000
    );
    let gift = if rng.bool() { r#","gift":true"# } else { "" };
    format!(
        r#"{{"product":{product},"quantity":{quantity},"price":{price}{gift},"tags":{}}}"#,
        list(tags.iter())
    )
}

fn small() -> Vec<Vec<String>> {
    let mut rng = Rng::with_seed(2);
    let mut small = || {
        let (name, count) = (text(&mut rng, ASCII, 6..30), rng.i32(1..100_000));
        vec![
            format!(r#""name":{name}"#),
            format!(r#""count":{count}"#),
            r#""ready":true"#.to_owned(),
        ]
    };
    (0..256).map(|_| small()).collect()
}

fn blobs() -> Vec<Vec<String>> {
    let mut rng = Rng::with_seed(3);
    let mut data = || text(&mut rng, BASE64, 87_384..87_385);
    (0..4)
        .map(|_| vec![r#""name":"blob""#.to_owned(), format!(r#""data":{}"#, data())])
        .collect()
}
