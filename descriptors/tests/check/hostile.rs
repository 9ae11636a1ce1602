//! Sets that mean harm. None panics; each is done within two seconds and 512 MB.

use std::time::Duration;

use allocation_counter::measure;
use descant_descriptors::{Error, Schema};

use crate::{
    cases::all,
    clock::clock,
    random::Random,
    rich,
    write::{
        ENUM, INT32, MAX, REPEATED, STRING, Wire, edition, entry, enumeration, features, field, file, map, message,
        method, named, proto3, set, sub,
    },
};

/// Time on the processor. Without optimisation everything takes about ten times as long.
const TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 8 } else { 2 });
const MEMORY: u64 = 512 << 20;

/// Loads a set and holds that to the limits; memory counts what loading allocates and the set itself.
fn load(name: &str, set: Vec<u8>) -> Result<Schema, Error> {
    let (size, start) = (set.len() as u64, clock());
    let mut result = None;
    let counted = measure(|| result = Some(Schema::from_bytes(set)));
    let result = result.unwrap();
    let (time, memory) = (clock().saturating_sub(start), counted.bytes_max + size);
    assert!(time < TIME, "{name} took {time:?}");
    assert!(memory < MEMORY, "{name} took {} MB", memory >> 20);
    if let Err(error) = &result {
        assert!(
            error.to_string().len() < 10_000,
            "{name}: {} bytes of error",
            error.to_string().len()
        );
        assert!(
            error.findings().len() <= 2002,
            "{name}: {} findings",
            error.findings().len()
        );
    }
    result
}

/// Loads files that must load.
fn accept(name: &str, files: &[Wire]) {
    if let Err(error) = load(name, set(files)) {
        panic!("{name}: {error}");
    }
}

/// Loads files that must be refused.
fn refuse(name: &str, files: &[Wire]) -> Error {
    load(name, set(files)).expect_err(name)
}

/// Loads files that may be refused or not.
fn survive(name: &str, files: &[Wire]) {
    drop(load(name, set(files)));
}

/// `count` pieces of one message, made by `piece` from their number; a quarter of them without optimisation.
fn many(count: usize, mut whole: Wire, number: u32, piece: impl Fn(usize) -> Wire) -> Wire {
    for index in 0..count / if cfg!(debug_assertions) { 4 } else { 1 } {
        whole = whole.put(number, &piece(index));
    }
    whole
}

/// Field numbers that are not protobuf's own.
fn number(index: usize) -> i64 {
    20_000 + index as i64
}

#[test]
fn the_rich_set_loads() {
    accept("rich", &rich::files());
}

#[test]
fn truncations_at_every_byte() {
    let whole = set(&rich::files());
    for length in 0..whole.len() {
        drop(load("truncated", whole[..length].to_vec()));
    }
}

#[test]
fn every_bit_flipped() {
    let whole = set(&rich::files());
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        drop(load("flipped", flipped));
    }
}

#[test]
fn bytes_changed_at_random() {
    let mut random = Random::new(1);
    let mut sets: Vec<Vec<u8>> = all()
        .into_iter()
        .map(|case| case.set)
        .filter(|set| (1..10_000).contains(&set.len()))
        .collect();
    sets.push(set(&rich::files()));
    for round in 0..5000 {
        let one = sets[random.below(sets.len())].clone();
        let other = &sets[random.below(sets.len())];
        drop(load(&format!("mutation {round}"), mutate(&mut random, one, other)));
    }
}

/// Changes, cuts, doubles and mixes in.
fn mutate(random: &mut Random, mut set: Vec<u8>, other: &[u8]) -> Vec<u8> {
    for _ in 0..=random.below(4) {
        let at = random.below(set.len() + 1).min(set.len().saturating_sub(1));
        let end = (at + random.below(40)).min(set.len());
        match random.below(5) {
            0 if !set.is_empty() => set[at] = random.byte(),
            1 if !set.is_empty() => set[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 => drop(set.drain(at..end)),
            3 => {
                let piece = set[at..end].to_vec();
                set.splice(at..at, piece);
            }
            _ => {
                let from = random.below(other.len());
                let to = (from + random.below(60)).min(other.len());
                set.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    set
}

#[test]
fn messages_nested_deep() {
    let inner = message("M");
    refuse("nested", &[file("a.proto").message(nest(inner, 100_000))]);
}

/// Wraps a message into `levels` more without copying it at each.
fn nest(inner: Wire, levels: usize) -> Wire {
    let mut length = inner.0.len();
    let mut headers: Vec<Vec<u8>> = Vec::with_capacity(levels);
    for _ in 0..levels {
        let mut header = Vec::from([0x0a, 1, b'M', 0x1a]);
        let mut rest = length;
        while rest >= 0x80 {
            header.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        header.push(rest as u8);
        length += header.len();
        headers.push(header);
    }
    let mut bytes: Vec<u8> = headers.into_iter().rev().flatten().collect();
    bytes.extend_from_slice(&inner.0);
    Wire(bytes)
}

#[test]
fn groups_nested_deep() {
    let deep = [vec![0x0b; 1_000_000], vec![0x0c; 1_000_000]].concat();
    survive("groups", &[Wire([file("a.proto").0, deep.clone()].concat())]);
    survive("groups in options", &[file("a.proto").file_options(Wire(deep))]);
    refuse(
        "groups that do not end",
        &[Wire([file("a.proto").0, vec![0x0b; 1_000_000]].concat())],
    );
}

#[test]
fn very_many_small_things() {
    refuse(
        "messages without names",
        &[many(900_000, file("a.proto"), 4, |_| Wire::default())],
    );
    refuse(
        "messages of one name",
        &[many(300_000, file("a.proto"), 4, |_| message("M"))],
    );
    refuse(
        "more elements than the limit",
        &[many(1_100_000, file("a.proto"), 4, |_| Wire::default())],
    );
    survive(
        "messages",
        &[many(100_000, file("a.proto"), 4, |index| message(&format!("M{index}")))],
    );
    let fields = many(65_000, message("M"), 2, |index| {
        field(&format!("f{index}"), index as i64 + 1, INT32)
    });
    survive("fields", &[file("a.proto").message(fields)]);
    refuse(
        "fields of one number",
        &[file("a.proto").message(many(60_000, message("M"), 2, |index| {
            field(&format!("f{index}"), 1, INT32)
        }))],
    );
    refuse(
        "fields out of order",
        &[file("a.proto").message(many(300_000, message("M"), 2, |index| {
            field("f", -(index as i64), INT32)
        }))],
    );
    let values: Vec<_> = (0..200_000).map(|index| (format!("V{index}"), index % 7)).collect();
    let values: Vec<_> = values.iter().map(|(name, number)| (name.as_str(), *number)).collect();
    refuse(
        "values of few numbers",
        &[file("a.proto").enumeration(enumeration("E", &values))],
    );
    refuse(
        "methods of one name",
        &[file("a.proto")
            .message(message("M"))
            .service(many(100_000, named("S"), 2, |_| method("Get", "M", "M")))],
    );
    refuse(
        "oneofs without fields",
        &[file("a.proto").message(many(200_000, message("M"), 8, |index| named(&format!("o{index}"))))],
    );
}

#[test]
fn very_many_files() {
    let files: Vec<_> = (0..200_000).map(|_| Wire::default()).collect();
    refuse("files without names, more than may be", &files);
    refuse("files without names", &files[..120_000]);
    let files: Vec<_> = (0..100_000).map(|index| file(&format!("{index}"))).collect();
    survive("files", &files);
    let files: Vec<_> = (0..100_000).map(|_| file("a")).collect();
    survive("files of one name", &files);
    let files: Vec<_> = (0..50_000).map(|index| file("a").int(100, index)).collect();
    refuse("different files of one name", &files);
}

#[test]
fn imports_in_circles_and_diamonds() {
    let name = |index: usize| format!("{index}.proto");
    let ring: Vec<_> = (0..20_000)
        .map(|index| file(&name(index)).import(&name((index + 1) % 20_000)))
        .collect();
    refuse("ring", &ring);
    let all_to_all: Vec<_> = (0..700)
        .map(|index| (0..700).fold(file(&name(index)), |file, other| file.import(&name(other))))
        .collect();
    refuse("all to all", &all_to_all);
    let layer = |index: usize| {
        let below = |file: Wire| {
            file.import(&name(index - 2 - index % 2))
                .import(&name(index - 1 - index % 2))
                .public(0)
                .public(1)
        };
        if index < 2 {
            file(&name(index))
        } else {
            below(file(&name(index)))
        }
    };
    let mut diamonds: Vec<_> = (0..2000).map(layer).collect();
    diamonds[0] = file("0.proto").message(message("T"));
    diamonds.push(
        file("user.proto")
            .import(&name(1999))
            .import(&name(1998))
            .message(message("U").field(sub("t", 1, ".T"))),
    );
    accept("diamonds", &diamonds);
}

#[test]
fn public_imports_in_a_long_chain() {
    let name = |index: usize| format!("{index}.proto");
    let link = |index: usize| {
        let user = message(&format!("U{index}")).field(sub("t", 1, ".T"));
        file(&name(index)).import(&name(index - 1)).public(0).message(user)
    };
    let chain = |length| {
        let mut chain = vec![file("0.proto").message(message("T"))];
        chain.extend((1..length).map(link));
        chain
    };
    accept("chain", &chain(2000));
    let error = refuse("long chain", &chain(60_000));
    assert!(error.to_string().contains("bounded work"), "{error}");
}

#[test]
fn ranges_by_the_hundred_thousand() {
    let range = |start: i64, end: i64| Wire::default().int(1, start).int(2, end);
    let reserved = many(400_000, message("M"), 9, |_| range(1, MAX));
    refuse("reserved ranges", &[file("a.proto").message(reserved)]);
    let extensions = many(400_000, message("M"), 5, |index| {
        range(1 + index as i64, MAX - index as i64)
    });
    refuse("extension ranges", &[file("a.proto").message(extensions)]);
    let both = many(200_000, message("M"), 9, |_| range(1, MAX));
    refuse(
        "both",
        &[file("a.proto").message(many(200_000, both, 5, |_| range(1, MAX)))],
    );
    let fields = many(60_000, message("M"), 2, |index| {
        field(&format!("f{index}"), index as i64 + 1, INT32)
    });
    refuse(
        "ranges and fields",
        &[file("a.proto").message(many(300_000, fields, 5, |_| range(1, MAX)))],
    );
    let names = many(500_000, message("M"), 10, |index| {
        Wire(format!("{}", index % 1000).into_bytes())
    });
    refuse("reserved names", &[file("a.proto").message(names)]);
    let spread = many(200_000, message("M"), 5, |index| {
        range(1 + 2 * index as i64, 2 + 2 * index as i64)
    });
    let extension = |index: usize| field(&format!("x{index}"), 1 + 2 * index as i64, INT32).extends("M");
    survive(
        "extensions of many ranges",
        &[many(200_000, file("a.proto").message(spread), 7, extension)],
    );
}

#[test]
fn declarations_by_the_hundred_thousand() {
    let declaration = |index: usize| {
        Wire::default()
            .int(1, index as i64 + 1)
            .text(2, &format!(".x{index}"))
            .text(3, "int32")
    };
    let options = many(100_000, Wire::default(), 2, declaration);
    let extension = |index: usize| field(&format!("x{index}"), index as i64 + 1, INT32).extends("M");
    let declared = file("a.proto").message(message("M").range_with(1, 200_000, options));
    survive("declared extensions", &[many(100_000, declared, 7, extension)]);
    let long = format!(".{}", "x".repeat(50_000));
    let one = Wire::default().put(2, &Wire::default().int(1, 1).text(2, &long).text(3, "int32"));
    let twice = |index: usize| field(&format!("x{index}"), 1, INT32).extends("M");
    refuse(
        "one declaration, many extensions",
        &[many(
            100_000,
            file("a.proto").message(message("M").range_with(1, 9, one)),
            7,
            twice,
        )],
    );
}

#[test]
fn huge_names() {
    let huge = "x".repeat(20_000_000);
    refuse("message", &[file("a.proto").message(message(&huge))]);
    refuse("package", &[file("a.proto").package(&huge)]);
    refuse(
        "package of many parts",
        &[file("a.proto").package(&"x.".repeat(5_000_000))],
    );
    refuse("import", &[file("a.proto").import(&huge)]);
    refuse(
        "type",
        &[file("a.proto").message(message("M").field(sub("f", 1, &huge)))],
    );
    refuse(
        "type of many parts",
        &[file("a.proto").message(message("M").field(sub("f", 1, &".x".repeat(5_000_000))))],
    );
    refuse(
        "default",
        &[file("a.proto").message(message("M").field(field("f", 1, INT32).default_value(&huge)))],
    );
    refuse("syntax", &[file("a.proto").syntax(&huge)]);
    survive("file", &[file(&huge)]);
    refuse(
        "file with many findings",
        &[many(100_000, file(&huge), 4, |_| Wire::default())],
    );
    let inner = |index: usize| message(&format!("M{index}"));
    refuse(
        "names that add up",
        &[file("a.proto").message(many(100_000, message(&"x".repeat(60_000)), 3, inner))],
    );
    let errors = |index: usize| field(&format!("f{index}"), 0, INT32);
    refuse(
        "findings in long names",
        &[file("a.proto").message(many(100_000, message(&huge), 2, errors))],
    );
}

#[test]
fn names_to_look_up_in_many_scopes() {
    let package = ["x"; 100].join(".");
    let relative = |index: usize| sub(&format!("f{index}"), index as i64 + 1, "y.z");
    refuse(
        "relative names",
        &[file("a.proto")
            .package(&package)
            .message(many(60_000, message("M"), 2, relative))],
    );
    let long = format!("{}.z", "y".repeat(100_000));
    let many_long = |index: usize| sub(&format!("f{index}"), index as i64 + 1, &long);
    refuse(
        "long relative names",
        &[file("a.proto")
            .package(&package)
            .message(many(200, message("M"), 2, many_long))],
    );
    let deep = nest(
        many(1000, message("M"), 2, |index| sub(&format!("f{index}"), 1, "y")),
        100_000,
    );
    refuse("relative names deep inside", &[file("a.proto").message(deep)]);
}

#[test]
fn values_to_find_among_many() {
    let values: Vec<_> = (0..100_000).map(|index| format!("V{index}")).collect();
    let values: Vec<_> = (0..)
        .zip(&values)
        .map(|(number, name)| (name.as_str(), number))
        .collect();
    let field = |index: usize| {
        field(&format!("f{index}"), number(index), ENUM)
            .of("E")
            .default_value("V99999")
    };
    let fields = many(60_000, message("M"), 2, field);
    accept(
        "defaults",
        &[file("a.proto").enumeration(enumeration("E", &values)).message(fields)],
    );
}

#[test]
fn json_names_that_all_clash() {
    let same = |index: usize| field(&format!("f{}", "_".repeat(index % 50)), index as i64 + 1, STRING).json("x");
    refuse(
        "JSON names",
        &[proto3("a.proto").message(many(60_000, message("M"), 2, same))],
    );
    let names = many(30_000, message("M"), 2, |index| {
        field(&format!("{}x{index}", "_".repeat(1000)), index as i64 + 1, STRING)
    });
    survive("JSON names to make", &[proto3("a.proto").message(names)]);
}

#[test]
fn options_in_pieces_and_packed() {
    let pieces = many(300_000, file("a.proto"), 8, |_| Wire::default().int(23, 1));
    survive("pieces", &[pieces]);
    survive("packed", &[file("a.proto").bytes(10, &vec![0; 20_000_000])]);
    survive(
        "features",
        &[many(100_000, edition("a.proto", 2023), 4, |index| {
            message(&format!("M{index}")).message_options(features(12, &[(6, 2)]))
        })],
    );
    let options = many(1_000_000, Wire::default(), 21, |_| Wire::default().int(1, 1));
    survive(
        "features in pieces",
        &[edition("a.proto", 2023).message(message("M").field(field("f", 1, INT32).field_options(options)))],
    );
}

#[test]
fn maps_by_the_ten_thousand() {
    let maps = (0..20_000).fold(message("M"), |found, index| {
        let entry = entry(&format!("F{index}Entry"), STRING, field("value", 2, INT32));
        found
            .nested(entry)
            .field(map(&format!("f{index}"), 20_000 + index, &format!(".M.F{index}Entry")))
    });
    accept("maps", &[proto3("a.proto").message(maps)]);
    let one = many(
        60_000,
        message("M").nested(entry("FEntry", STRING, field("value", 2, INT32))),
        2,
        |index| map(&format!("f{index}"), index as i64 + 1, ".M.FEntry"),
    );
    refuse("one entry type for all", &[proto3("a.proto").message(one)]);
    let repeated = many(60_000, message("M"), 2, |index| {
        field("f", index as i64 + 1, INT32).label(REPEATED)
    });
    refuse("fields of one name", &[proto3("a.proto").message(repeated)]);
}
