//! `grpc.testing.TestService`, as the interop clients expect it.

use std::{future::ready, time::Duration};

use bytes::Bytes;
use descant_handlers::{
    Code, Metadata, MetadataError, Status,
    typed::{Context, Incoming, Methods, Response, Sender, bidi, client_streaming, generate, server_streaming, unary},
};
use futures_core::Stream;
use prost::Message as _;
use tokio::time::sleep;

use crate::{
    messages::{
        EchoStatus, Empty, OrcaLoadReport, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
        StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest, StreamingOutputCallResponse,
    },
    orca::Load,
};

/// There is one server; the client looks whether all its calls came to the same.
const SERVER_ID: &str = "descant-suite-server";
const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";
const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";
/// Where load balancers look for what a single call cost.
const LOAD_METRICS: &str = "endpoint-load-metrics-bin";

/// The service. `UnimplementedCall` has no handler on purpose.
pub(crate) fn service(load: &Load) -> Methods {
    let load = load.clone();
    Methods::new()
        .on("EmptyCall", unary(|empty: Empty, _| async move { Ok(empty) }))
        .on("UnaryCall", unary(unary_call))
        .on("StreamingInputCall", client_streaming(streaming_input_call))
        .on("StreamingOutputCall", server_streaming(streaming_output_call))
        .on(
            "FullDuplexCall",
            bidi(move |asked, context| ready(full_duplex_call(asked, &context, &load))),
        )
}

async fn unary_call(asked: SimpleRequest, context: Context) -> Result<Response<SimpleResponse>, Status> {
    let (metadata, mut trailers) = echoed(&context)?;
    check(asked.response_status.as_ref()).map_err(|status| status.with_metadata(trailers.clone()))?;
    if let Some(report) = asked.orca_per_query_report {
        let report = OrcaLoadReport::from(report);
        trailers
            .insert_bin(LOAD_METRICS, report.encode_to_vec())
            .map_err(|error| internal(&error))?;
    }
    let mut response = Response::new(SimpleResponse {
        payload: Some(payload(asked.response_size)?),
        server_id: if asked.fill_server_id {
            SERVER_ID.to_owned()
        } else {
            String::new()
        },
    });
    (response.metadata, response.trailers) = (metadata, trailers);
    Ok(response)
}

async fn streaming_input_call(
    mut asked: Incoming<StreamingInputCallRequest>,
    _: Context,
) -> Result<StreamingInputCallResponse, Status> {
    let mut size = 0;
    while let Some(message) = asked.next().await {
        size += message?.payload.map_or(0, |payload| payload.body.len());
    }
    let aggregated_payload_size = i32::try_from(size).map_err(|_| Status::out_of_range("more than 2 GiB came"))?;
    Ok(StreamingInputCallResponse {
        aggregated_payload_size,
    })
}

async fn streaming_output_call(
    asked: StreamingOutputCallRequest,
    _: Context,
) -> Result<impl Stream<Item = Result<StreamingOutputCallResponse, Status>>, Status> {
    Ok(generate(|sender| async move { answer(&asked, &sender).await }))
}

fn full_duplex_call(
    mut asked: Incoming<StreamingOutputCallRequest>,
    context: &Context,
    load: &Load,
) -> Result<Response<impl Stream<Item = Result<StreamingOutputCallResponse, Status>> + use<>>, Status> {
    let load = load.clone();
    let (metadata, trailers) = echoed(context)?;
    let mut response = Response::new(generate(|sender| async move {
        while let Some(message) = asked.next().await {
            let message = message?;
            check(message.response_status.as_ref())?;
            if let Some(report) = &message.orca_oob_report {
                load.set(report.clone().into());
            }
            answer(&message, &sender).await?;
        }
        Ok(())
    }));
    (response.metadata, response.trailers) = (metadata, trailers);
    Ok(response)
}

async fn answer(
    asked: &StreamingOutputCallRequest,
    sender: &Sender<StreamingOutputCallResponse>,
) -> Result<(), Status> {
    for ResponseParameters { size, interval_us } in &asked.response_parameters {
        if let Ok(interval @ 1..) = u64::try_from(*interval_us) {
            sleep(Duration::from_micros(interval)).await;
        }
        let payload = Some(payload(*size)?);
        sender.send(StreamingOutputCallResponse { payload }).await?;
    }
    Ok(())
}

/// Zeros, as many as were asked for.
fn payload(size: i32) -> Result<Payload, Status> {
    let size = crate::size(size)?;
    Ok(Payload {
        kind: 0,
        body: Bytes::from(vec![0; size]),
    })
}

fn check(asked: Option<&EchoStatus>) -> Result<(), Status> {
    match asked {
        Some(status) if status.code != 0 => Err(Status::new(Code::from(status.code), &status.message)),
        _ => Ok(()),
    }
}

/// The metadata and the trailers that the caller wants to see again.
fn echoed(context: &Context) -> Result<(Metadata, Metadata), Status> {
    let (mut metadata, mut trailers) = (Metadata::new(), Metadata::new());
    if let Some(value) = context.metadata.get(ECHO_INITIAL) {
        metadata.insert(ECHO_INITIAL, value).map_err(|error| internal(&error))?;
    }
    if let Some(value) = context.metadata.get_bin(ECHO_TRAILING) {
        trailers
            .insert_bin(ECHO_TRAILING, value.map_err(|error| internal(&error))?)
            .map_err(|error| internal(&error))?;
    }
    Ok((metadata, trailers))
}

fn internal(error: &MetadataError) -> Status {
    Status::internal(error.to_string())
}
