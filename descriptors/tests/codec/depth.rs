//! How deep messages may nest: up to the limit, and no level deeper, whatever they are made of.

use descant_descriptors::{Codec, CodecError, JsonOptions, MessageType};

use crate::{bytes, message, number, varint};

/// JSON that nests as deep as is asked for: `start`, so often `open`, `inner`, as often `close`, `end`.
struct Nest {
    name: &'static str,
    message: &'static str,
    start: &'static str,
    open: &'static str,
    inner: &'static str,
    close: &'static str,
    end: &'static str,
    /// How many levels there are without any `open`, and how many each adds.
    levels: (u32, u32),
}

const PLAIN: Nest = Nest {
    name: "messages",
    message: "plain.Item",
    start: "",
    open: r#"{"child":"#,
    inner: "{}",
    close: "}",
    end: "",
    levels: (1, 1),
};

const KNOWN: Nest = Nest {
    message: "sample.Known",
    end: "}",
    ..PLAIN
};

const NESTS: [Nest; 14] = [
    PLAIN,
    Nest {
        name: "a oneof",
        open: r#"{"item":"#,
        ..PLAIN
    },
    Nest {
        name: "lists",
        open: r#"{"parts":["#,
        close: "]}",
        ..PLAIN
    },
    Nest {
        name: "maps",
        open: r#"{"byName":{"k":"#,
        close: "}}",
        ..PLAIN
    },
    Nest {
        name: "lists in maps",
        open: r#"{"byName":{"k":{"parts":["#,
        close: "]}}}",
        levels: (1, 2),
        ..PLAIN
    },
    Nest {
        name: "groups",
        message: "sample.Old",
        open: r#"{"cluster":{"inner":"#,
        inner: r#"{"cluster":{}}"#,
        close: "}}",
        levels: (2, 2),
        ..PLAIN
    },
    Nest {
        name: "sets of messages",
        message: "set.Holder",
        start: r#"{"set":"#,
        open: r#"{"[set.Part.message_set_extension]":{"inner":"#,
        close: "}}",
        end: "}",
        levels: (2, 2),
        ..PLAIN
    },
    Nest {
        name: "lists in a Value",
        start: r#"{"value":"#,
        open: "[",
        inner: "1",
        close: "]",
        levels: (2, 2),
        ..KNOWN
    },
    Nest {
        name: "lists of values in a map",
        start: r#"{"byName":{"k":"#,
        open: "[",
        inner: "[]",
        close: "]",
        end: "}}",
        levels: (3, 2),
        ..KNOWN
    },
    Nest {
        name: "a Struct",
        start: r#"{"object":"#,
        open: r#"{"a":"#,
        inner: "{}",
        levels: (2, 2),
        ..KNOWN
    },
    Nest {
        name: "a ListValue",
        start: r#"{"list":"#,
        open: "[",
        inner: "[]",
        close: "]",
        levels: (2, 2),
        ..KNOWN
    },
    Nest {
        name: "an Any",
        start: r#"{"any":{"@type":"x.y/sample.Known""#,
        open: r#","any":{"@type":"x.y/sample.Known""#,
        inner: "",
        end: "}}",
        levels: (3, 2),
        ..KNOWN
    },
    Nest {
        name: "an Any in an Any",
        start: r#"{"any":"#,
        open: r#"{"@type":"x.y/google.protobuf.Any","value":"#,
        inner: r#"{"@type":"x.y/plain.Item"}"#,
        levels: (3, 1),
        ..KNOWN
    },
    Nest {
        name: "a Value in an Any",
        start: r#"{"any":{"@type":"x.y/google.protobuf.Value","value":"#,
        open: "[",
        inner: "null",
        close: "]",
        end: "}}",
        levels: (3, 2),
        ..KNOWN
    },
];

impl Nest {
    fn json(&self, count: u32) -> String {
        let many = |text: &str| text.repeat(count as usize);
        [self.start, &many(self.open), self.inner, &many(self.close), self.end].concat()
    }

    fn levels(&self, count: u32) -> u32 {
        self.levels.0 + self.levels.1 * count
    }

    /// How often `open` may stand in what has so many levels.
    fn count(&self, levels: u32) -> u32 {
        (levels - self.levels.0) / self.levels.1
    }

    fn message(&self) -> MessageType {
        message(self.message)
    }
}

fn with_depth(depth: u32) -> JsonOptions {
    let mut options = JsonOptions::default();
    options.depth = depth;
    options
}

/// What a conversion appends, or what is wrong.
fn converted(
    depth: u32,
    convert: impl FnOnce(&mut Codec, &mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let result = convert(&mut Codec::new(with_depth(depth)), &mut out);
    result.map(|()| out).map_err(|error| error.what().to_owned())
}

fn wire_of(message: &MessageType, json: &str, depth: u32) -> Result<Vec<u8>, String> {
    converted(depth, |codec, out| codec.json_to_wire(message, json.as_bytes(), out))
}

fn json_of(message: &MessageType, wire: &[u8], depth: u32) -> Result<String, String> {
    let json = converted(depth, |codec, out| codec.wire_to_json(message, wire, out));
    json.map(|json| String::from_utf8(json).unwrap())
}

fn refused<T>(depth: u32) -> Result<T, String> {
    Err(format!("messages nest deeper than the limit `depth` of {depth}"))
}

#[test]
fn up_to_the_limit_and_no_deeper() {
    for nest in NESTS {
        let message = nest.message();
        for deepest in [nest.levels.0, 7, 100, JsonOptions::MOST_DEPTH] {
            let count = nest.count(deepest);
            let (levels, json) = (nest.levels(count), nest.json(count));
            let what = format!("{}, {levels} levels", nest.name);
            let wire = wire_of(&message, &json, levels).expect(&what);
            assert_eq!(json_of(&message, &wire, levels).as_ref(), Ok(&json), "{what}");
            assert_eq!(wire_of(&message, &json, levels - 1), refused(levels - 1), "{what}");
            assert_eq!(json_of(&message, &wire, levels - 1), refused(levels - 1), "{what}");
            // Out of order, so that it's read by the other walk.
            let twice = [&*wire, &*wire].concat();
            let normal = json_of(&message, &twice, levels).map(drop);
            assert_eq!(normal, Ok(()), "{what}");
            assert_eq!(json_of(&message, &twice, levels - 1), refused(levels - 1), "{what}");
        }
    }
}

#[test]
fn a_type_may_come_last() {
    let known = message("sample.Known");
    let last = Nest {
        name: "types that come last",
        start: r#"{"any":"#,
        open: r#"{"any":"#,
        inner: r#"{"@type":"x.y/plain.Item"}"#,
        close: r#","@type":"x.y/sample.Known"}"#,
        levels: (3, 2),
        ..KNOWN
    };
    for count in [0, 3, 100] {
        let (json, levels) = (last.json(count), last.levels(count));
        assert!(wire_of(&known, &json, levels).is_ok(), "{levels}");
        assert_eq!(wire_of(&known, &json, levels - 1), refused(levels - 1));
    }
}

#[test]
fn more_than_the_most_counts_as_that() {
    let most = JsonOptions::MOST_DEPTH;
    let json = |levels: u32| PLAIN.json(PLAIN.count(levels));
    assert!(wire_of(&PLAIN.message(), &json(most), u32::MAX).is_ok());
    assert_eq!(wire_of(&PLAIN.message(), &json(most + 1), u32::MAX), refused(most));
    assert_eq!(wire_of(&PLAIN.message(), "{}", 0), refused(0));
}

#[test]
fn what_is_far_too_deep_is_refused_as_soon_as_it_is() {
    for nest in NESTS {
        assert_eq!(
            wire_of(&nest.message(), &nest.json(50_000), 100),
            refused(100),
            "{}",
            nest.name
        );
    }
}

#[test]
fn errors_say_where() {
    let mut wire = Vec::new();
    let mut codec = Codec::new(with_depth(3));
    let error = codec.json_to_wire(&PLAIN.message(), PLAIN.json(3).as_bytes(), &mut wire);
    assert_eq!(
        error.unwrap_err().to_string(),
        "child.child.child: messages nest deeper than the limit `depth` of 3 (line 1, column 28)"
    );
    let wire = wire_of(&PLAIN.message(), &PLAIN.json(3), 4).unwrap();
    let error = codec.wire_to_json(&PLAIN.message(), &wire, &mut Vec::new());
    assert_eq!(
        error.unwrap_err().to_string(),
        "child.child.child: messages nest deeper than the limit `depth` of 3 (at byte 6)"
    );
}

#[test]
fn groups_that_nobody_knows_count_as_messages() {
    for (name, field) in [("sample.Old", 99), ("plain.Item", 7)] {
        let (mut start, mut end) = (Vec::new(), Vec::new());
        varint(&mut start, field << 3 | 3);
        varint(&mut end, field << 3 | 4);
        let wire = |count: usize| [start.repeat(count), end.repeat(count)].concat();
        let message = message(name);
        for depth in [3, 100, JsonOptions::MOST_DEPTH] {
            let most = wire(depth as usize - 1);
            let more = wire(depth as usize);
            assert_eq!(json_of(&message, &most, depth).as_deref(), Ok("{}"));
            assert_eq!(json_of(&message, &more, depth), refused(depth));
            let normal = |wire: &[u8]| converted(depth, |codec, out| codec.normalize(&message, wire, out));
            assert_eq!(normal(&most).as_ref(), Ok(&most));
            assert_eq!(normal(&more), refused(depth));
            let text = |wire: &[u8]| converted(depth, |codec, out| codec.wire_to_textproto(&message, wire, out));
            assert_eq!(text(&most).as_deref(), Ok(&b""[..]));
            assert_eq!(text(&more), refused(depth));
        }
        let endless = start.repeat(100_000);
        assert_eq!(json_of(&message, &endless, 100), refused(100));
    }
}

#[test]
fn in_an_any_the_limit_holds_as_everywhere() {
    let url = bytes(1, &[b"x.y/sample.Old"]);
    let groups = |count: usize| [[0x9b, 6].repeat(count), [0x9c, 6].repeat(count)].concat();
    let any = |payload: &[u8]| bytes(1, &[&url, &bytes(2, &[payload])]);
    let known = message("sample.Known");
    // The holder, the Any, the message in it, and the groups.
    assert_eq!(
        json_of(&known, &any(&groups(97)), 100).unwrap(),
        r#"{"any":{"@type":"x.y/sample.Old"}}"#
    );
    assert_eq!(json_of(&known, &any(&groups(98)), 100), refused(100));
    // What is broken in the deepest message is not too deep: it is shown as bytes.
    let broken = json_of(&known, &any(b"\xff"), 3).unwrap();
    assert_eq!(broken, r#"{"any":{"@type":"x.y/sample.Old","value":"/w=="}}"#);
}

#[test]
fn of_what_is_passed_over_arrays_and_objects_count() {
    let item = message("plain.Item");
    for depth in [2, 100, 128, 129, JsonOptions::MOST_DEPTH] {
        let mut options = with_depth(depth);
        options.ignore_unknown = true;
        let skipped = |count: u32| {
            let (open, close) = ("[{\"a\":".repeat(count as usize), "}]".repeat(count as usize));
            let (more, end) = if depth % 2 == 0 { ("[", "]") } else { ("", "") };
            let json = format!(r#"{{"x":{more}{open}1{close}{end},"title":"t"}}"#);
            let mut wire = Vec::new();
            let result = Codec::new(options.clone()).json_to_wire(&item, json.as_bytes(), &mut wire);
            result.map(|()| wire).map_err(|error| error.what().to_owned())
        };
        // One level is the message.
        let most = (depth - 1) / 2;
        assert_eq!(skipped(most), Ok(bytes(1, &[b"t"])), "{depth}");
        let error = format!("values nest deeper than the limit `depth` of {depth}");
        assert_eq!(skipped(most + 1), Err(error), "{depth}");
    }
    let endless = format!("{{\"any\":{{\"x\":{}", "[".repeat(1_000_000));
    assert_eq!(
        wire_of(&message("sample.Known"), &endless, 100),
        Err("values nest deeper than the limit `depth` of 100".to_owned())
    );
}

#[test]
fn the_text_format_has_the_same_limit() {
    // An Any that is too deep is printed as bytes.
    let others = NESTS.iter().filter(|nest| !nest.name.contains("Any"));
    for nest in others.filter(|nest| !nest.name.contains("map") && nest.name != "a Struct") {
        let message = nest.message();
        let count = nest.count(JsonOptions::MOST_DEPTH);
        let levels = nest.levels(count);
        let wire = wire_of(&message, &nest.json(count), levels).unwrap();
        let text = |depth| converted(depth, |codec, out| codec.wire_to_textproto(&message, &wire, out));
        let whole = text(levels).unwrap();
        assert_eq!(text(levels - 1), refused(levels - 1), "{}", nest.name);
        let back = |depth| converted(depth, |codec, out| codec.textproto_to_wire(&message, &whole, out));
        assert_eq!(back(levels), Ok(wire.clone()), "{}", nest.name);
        assert_eq!(back(levels - 1), refused(levels - 1), "{}", nest.name);
    }
}

#[test]
fn fields_alone_count_with_what_they_stand_in() {
    let item = message("plain.Item");
    let path = item.field_path("child.child").unwrap();
    let field = |json: &str, depth| {
        converted(depth, |codec, out| {
            codec.json_to_field(&item, &path, json.as_bytes(), out)
        })
    };
    let wire = field(r#"{"child":{}}"#, 4).unwrap();
    assert_eq!(field(r#"{"child":{}}"#, 3), refused(3));
    let json = |depth| converted(depth, |codec, out| codec.field_to_json(&item, &path, &wire, out));
    assert_eq!(json(4).as_deref(), Ok(&br#"{"child":{}}"#[..]));
    assert_eq!(json(3), refused(3));
    let title = item.field_path("child.child.title").unwrap();
    let text = |depth| converted(depth, |codec, out| codec.text_to_wire(&item, &title, "x", out));
    assert_eq!(text(3), Ok(bytes(15, &[&bytes(15, &[&bytes(1, &[b"x"])])])));
    assert_eq!(text(2), refused(2));
    let known = message("sample.Known");
    let time = known.field_path("time").unwrap();
    let text = |depth| {
        converted(depth, |codec, out| {
            codec.text_to_wire(&known, &time, "1970-01-01T00:00:01Z", out)
        })
    };
    assert_eq!(text(2), Ok(bytes(2, &[&number(1, 1)])));
    assert_eq!(text(1), refused(1));
    let mask = |depth| {
        converted(depth, |codec, out| {
            codec.json_to_mask(&item, PLAIN.json(3).as_bytes(), out)
        })
    };
    assert_eq!(mask(4), Ok(bytes(1, &[b"child.child.child"])));
    assert_eq!(mask(2), refused(2));
}

/// Half of what a thread has, and all that a conversion may take of it.
const STACK: usize = 1 << 20;

#[test]
fn the_most_fits_the_stack() {
    let walks = || {
        let most = with_depth(JsonOptions::MOST_DEPTH);
        let mut other = most.clone();
        (other.emit_defaults, other.redact, other.limit) = (true, true, usize::MAX);
        for nest in NESTS {
            let (message, json) = (nest.message(), nest.json(nest.count(JsonOptions::MOST_DEPTH)));
            let mut wire = Vec::new();
            let mut codec = Codec::new(most.clone());
            codec.json_to_wire(&message, json.as_bytes(), &mut wire).unwrap();
            let twice = [&*wire, &*wire].concat();
            for options in [&most, &other] {
                let mut codec = Codec::new(options.clone());
                codec.wire_to_json(&message, &wire, &mut Vec::new()).unwrap();
                codec.wire_to_json(&message, &twice, &mut Vec::new()).unwrap();
            }
            codec.normalize(&message, &twice, &mut Vec::new()).unwrap();
            // In the text format entries of maps are levels too.
            let deepest = (0..=nest.count(JsonOptions::MOST_DEPTH)).rev().find_map(|count| {
                let (mut wire, mut text) = (Vec::new(), Vec::new());
                codec
                    .json_to_wire(&message, nest.json(count).as_bytes(), &mut wire)
                    .unwrap();
                codec.wire_to_textproto(&message, &wire, &mut text).ok()?;
                Some(text)
            });
            codec
                .textproto_to_wire(&message, &deepest.unwrap(), &mut Vec::new())
                .unwrap();
        }
        let item = message("plain.Item");
        let entry = |inner: &[u8]| bytes(10, &[&bytes(2, &[inner]), &bytes(1, &[b"k"])]);
        let odd = |which: u32, inner: &[u8]| match which {
            0 => [number(16, 1), entry(inner)].concat(),
            1 => [bytes(12, &[inner]), number(14, 1)].concat(),
            2 => [entry(inner), entry(&[])].concat(),
            _ => [&[0x9b, 6], inner, &[0x9c, 6]].concat(),
        };
        // Out of order, replaced in two ways, unknown; at each level.
        for which in 0..4 {
            let wire = (1..JsonOptions::MOST_DEPTH).fold(Vec::new(), |inner, _| odd(which, &inner));
            let mut codec = Codec::new(most.clone());
            codec.wire_to_json(&item, &wire, &mut Vec::new()).unwrap();
            codec.normalize(&item, &wire, &mut Vec::new()).unwrap();
        }
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(walks);
    thread.unwrap().join().unwrap();
}
