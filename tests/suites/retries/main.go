// Retries is a server of grpc-go that fails as its callers ask it to, and tells what it has seen of each call.
//
// Usage: retries [-port N] [-streams N] [-age DURATION]
//
// The metadata of a call has its name (`call`), and what is to become of its attempts (`act`): steps with commas between them, the last
// for all that follow. A step is words with blanks between them:
//
//	ok             the messages come back
//	CODE           it fails so, in trailers alone: UNAVAILABLE
//	begin          the head of a reply goes out first
//	pushback=MS    `grpc-retry-pushback-ms` stands beside the failure
//	sleep=MS       first it waits so long
//	hang           it waits until it is given up
//	drop           its connection is closed
//
// A second port answers `GET /seen?call=NAME` with what came of the attempts, as JSON, and takes `POST /stop` (graceful) and
// `POST /drop` (all connections). Both ports are on standard output.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

func main() {
	port := flag.Int("port", 0, "where calls are answered; 0 picks one")
	streams := flag.Uint("streams", 0, "calls at a time on a connection; 0: as many as there are")
	age := flag.Duration("age", 0, "until a connection takes no more calls; 0: for ever")
	flag.Parse()
	if err := serve(*port, uint32(*streams), *age); err != nil {
		log.Fatal(err)
	}
}

func serve(port int, streams uint32, age time.Duration) error {
	inner, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	calls := &listener{Listener: inner}
	seen := &seen{began: time.Now(), calls: map[string][]*attempt{}}
	options := []grpc.ServerOption{
		grpc.ForceServerCodec(raw{}),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error { return seen.answer(stream, calls) }),
	}
	if streams > 0 {
		options = append(options, grpc.MaxConcurrentStreams(streams))
	}
	if age > 0 {
		parameters := keepalive.ServerParameters{MaxConnectionAge: age, MaxConnectionAgeGrace: 10 * time.Second}
		options = append(options, grpc.KeepaliveParams(parameters))
	}
	server := grpc.NewServer(options...)
	http.HandleFunc("GET /seen", seen.tell)
	http.HandleFunc("POST /stop", func(http.ResponseWriter, *http.Request) { go server.GracefulStop() })
	http.HandleFunc("POST /drop", func(http.ResponseWriter, *http.Request) { calls.drop("") })
	go func() { log.Fatal(http.Serve(control, nil)) }()
	fmt.Printf("calls %s control %s\n", inner.Addr(), control.Addr())
	if err := server.Serve(calls); err != nil {
		return err
	}
	// What was seen can still be asked for.
	select {}
}

// raw takes messages as they are.
type raw struct{}

func (raw) Name() string { return "raw" }

func (raw) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }

func (raw) Unmarshal(wire []byte, message any) error {
	*message.(*[]byte) = append([]byte(nil), wire...)
	return nil
}

// listener knows its connections by where they come from.
type listener struct {
	net.Listener
	connections sync.Map
}

func (l *listener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err == nil {
		l.connections.Store(connection.RemoteAddr().String(), connection)
	}
	return connection, err
}

// drop closes the connection from there; from nowhere: all of them.
func (l *listener) drop(from string) {
	l.connections.Range(func(address, connection any) bool {
		if from == "" || from == address {
			connection.(net.Conn).Close()
			l.connections.Delete(address)
		}
		return true
	})
}

// attempt is what the server saw of one.
type attempt struct {
	// Milliseconds after the start of the server.
	At       int64  `json:"at"`
	Previous string `json:"previous"`
	// How it ended: the name of a code; nothing while it runs.
	Ended string `json:"ended"`
}

type seen struct {
	began time.Time
	lock  sync.Mutex
	calls map[string][]*attempt
}

func (s *seen) tell(answer http.ResponseWriter, request *http.Request) {
	s.lock.Lock()
	defer s.lock.Unlock()
	attempts := s.calls[request.URL.Query().Get("call")]
	if attempts == nil {
		attempts = []*attempt{}
	}
	json.NewEncoder(answer).Encode(attempts)
}

func (s *seen) answer(stream grpc.ServerStream, calls *listener) error {
	headers, _ := metadata.FromIncomingContext(stream.Context())
	attempt := &attempt{At: time.Since(s.began).Milliseconds(), Previous: first(headers, "grpc-previous-rpc-attempts")}
	name := first(headers, "call")
	s.lock.Lock()
	number := len(s.calls[name])
	s.calls[name] = append(s.calls[name], attempt)
	s.lock.Unlock()
	steps := strings.Split(first(headers, "act"), ",")
	err := act(stream, calls, strings.Fields(steps[min(number, len(steps)-1)]))
	s.lock.Lock()
	attempt.Ended = status.Code(err).String()
	s.lock.Unlock()
	return err
}

func first(headers metadata.MD, name string) string {
	if values := headers.Get(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

func act(stream grpc.ServerStream, calls *listener, words []string) error {
	method, _ := grpc.MethodFromServerStream(stream)
	messages, err := read(stream, strings.HasSuffix(method, "Stream"))
	if err != nil {
		return err
	}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "ok":
		case "begin":
			err = stream.SendHeader(metadata.Pairs("begun", "yes"))
		case "pushback":
			stream.SetTrailer(metadata.Pairs("grpc-retry-pushback-ms", value))
		case "sleep":
			err = sleep(stream.Context(), value)
		case "hang":
			err = sleep(stream.Context(), "600000")
		case "drop":
			from, _ := peer.FromContext(stream.Context())
			calls.drop(from.Addr.String())
			err = sleep(stream.Context(), "600000")
		default:
			err = failure(word)
		}
		if err != nil {
			return err
		}
	}
	for _, message := range messages {
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
	return nil
}

// read takes one message, or all that come.
func read(stream grpc.ServerStream, all bool) ([][]byte, error) {
	var messages [][]byte
	for all || len(messages) == 0 {
		var message []byte
		err := stream.RecvMsg(&message)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		messages = append(messages, message)
	}
	return messages, nil
}

func sleep(ctx context.Context, milliseconds string) error {
	count, err := strconv.Atoi(milliseconds)
	if err != nil {
		return status.Errorf(codes.InvalidArgument, "no time: %q", milliseconds)
	}
	select {
	case <-time.After(time.Duration(count) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

func failure(name string) error {
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(strconv.Quote(name))); err != nil {
		return status.Errorf(codes.InvalidArgument, "no step: %q", name)
	}
	return status.Errorf(code, "as asked")
}
