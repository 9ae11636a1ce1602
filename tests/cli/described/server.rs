//! Servers that describe themselves as they are told to, well or badly.

use std::time::Duration;

use descant::{
    Gateway, Schema,
    handlers::{Call, Message, Messages, Reply, Status, from_fn},
};
use descant_descriptors::Builtin;
use prost::Message as _;
use prost_types::{
    DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
};

use crate::process::serve_beside;

/// `NAME.proto` with a service `NAME.S`, whose `Do` takes this, and a message `NAME.M`.
pub(super) fn file(name: &str, import: &str, input: &str) -> FileDescriptorProto {
    FileDescriptorProto {
        name: Some(format!("{name}.proto")),
        package: Some(name.to_owned()),
        dependency: (!import.is_empty()).then(|| import.to_owned()).into_iter().collect(),
        message_type: vec![DescriptorProto {
            name: Some("M".to_owned()),
            ..Default::default()
        }],
        service: vec![ServiceDescriptorProto {
            name: Some("S".to_owned()),
            method: vec![MethodDescriptorProto {
                name: Some("Do".to_owned()),
                input_type: Some(input.to_owned()),
                output_type: Some(format!(".{name}.M")),
                ..Default::default()
            }],
            ..Default::default()
        }],
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Question {
    #[prost(string, optional, tag = "3")]
    file: Option<String>,
    #[prost(string, optional, tag = "4")]
    symbol: Option<String>,
    #[prost(message, optional, tag = "5")]
    extension: Option<Extension>,
    #[prost(string, optional, tag = "6")]
    extensions_of: Option<String>,
    #[prost(string, optional, tag = "7")]
    list: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Extension {
    #[prost(int32, tag = "2")]
    number: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(message, optional, tag = "4")]
    files: Option<Files>,
    #[prost(message, optional, tag = "5")]
    numbers: Option<Numbers>,
    #[prost(message, optional, tag = "6")]
    services: Option<Services>,
    #[prost(message, optional, tag = "7")]
    error: Option<Refusal>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Files {
    #[prost(bytes = "vec", repeated, tag = "1")]
    files: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Numbers {
    #[prost(int32, repeated, tag = "2")]
    numbers: Vec<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Services {
    #[prost(message, repeated, tag = "1")]
    services: Vec<Named>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Refusal {
    #[prost(int32, tag = "1")]
    code: i32,
}

/// What a server says of a name: a file, no such thing, or the end of the conversation.
type Told = Result<Option<Vec<u8>>, Status>;

/// A server that lists these services, tells of names what it is told to (of a file without bytes: no file), and answers `good.S`. What it says of no name is whether there is
/// an extension, of number 100, whose file has that for a name.
pub(super) fn telling(
    services: &'static [&'static str],
    tell: impl Fn(&str) -> Told + Clone + Send + Sync + 'static,
    pause: Duration,
) -> String {
    let answer = move |question: Question| {
        let name = match (question.list, question.file, question.symbol) {
            (Some(_), ..) => {
                let named = |name: &&str| Named {
                    name: (*name).to_owned(),
                };
                let services = Some(Services {
                    services: services.iter().map(named).collect(),
                });
                return Ok(Answer {
                    services,
                    ..Default::default()
                });
            }
            (None, Some(name), _) | (None, None, Some(name)) => name,
            (None, None, None) => question
                .extension
                .map_or_else(String::new, |asked| asked.number.to_string()),
        };
        let mut answer = Answer::default();
        match tell(&name)? {
            Some(_) if question.extensions_of.is_some() => answer.numbers = Some(Numbers { numbers: vec![100] }),
            Some(file) => {
                let files = [file].into_iter().filter(|file| !file.is_empty()).collect();
                answer.files = Some(Files { files });
            }
            None => answer.error = Some(Refusal { code: 5 }),
        }
        Ok::<_, Status>(answer)
    };
    let reflection = from_fn(move |call: Call| {
        let answer = answer.clone();
        async move {
            let mut questions = call.messages;
            let answers = Messages::generate(move |sender| async move {
                while let Some(question) = questions.next().await {
                    tokio::time::sleep(pause).await;
                    let answer = answer(question?.decode()?)?;
                    sender.send(Message::from_prost(&answer)).await?;
                }
                Ok(())
            });
            Ok(Reply::new(answers))
        }
    });
    let set = FileDescriptorSet {
        file: vec![file("good", "", ".good.M")],
    };
    let schema = Schema::builder().bytes("set", set.encode_to_vec());
    let schema = schema.builtin(Builtin::Reflection).build().unwrap();
    serve_beside(move || {
        Gateway::builder(schema)
            .route("grpc.reflection.v1.ServerReflection", reflection)
            .route("good.S", descant::handlers::Echo)
    })
}

/// A server that describes one service well, two badly, and one that needs a bad one's file; there is nothing of others.
pub(super) fn careless() -> String {
    let tell = |name: &str| {
        Ok(match name {
            "good.S" => Some(file("good", "", ".good.M").encode_to_vec()),
            "bad.S" => Some(file("bad", "", ".bad.Missing").encode_to_vec()),
            "after.S" => Some(file("after", "bad.proto", ".bad.M").encode_to_vec()),
            "junk.S" => Some(vec![0xff; 7]),
            "long.S" => {
                let mut long = file("long", "", ".long.Missing");
                long.name = Some(format!("{}\n.proto", "long".repeat(100)));
                Some(long.encode_to_vec())
            }
            _ => None,
        })
    };
    telling(
        &["good.S", "bad.S", "after.S", "none.S", "none\n.S", "junk.S", "long.S"],
        tell,
        Duration::ZERO,
    )
}
