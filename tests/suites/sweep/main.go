// Sweep describes symbols with grpcurl's own code, twice: from a server's reflection and from a descriptor set,
// and reports where the two texts differ. One process and one connection for thousands of symbols.
//
// Usage: sweep ADDRESS PROTOSET <SYMBOLS, one full name a line on standard input.
// Prints one line for each symbol that differs; exits 1 if there is one.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/fullstorydev/grpcurl"
	"github.com/jhump/protoreflect/grpcreflect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	differ, err := sweep(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Println(err)
	}
	if err != nil || differ > 0 {
		os.Exit(1)
	}
}

func sweep(address, protoset string) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	local, err := grpcurl.DescriptorSourceFromProtoSets(protoset)
	if err != nil {
		return 0, err
	}
	connection, err := grpc.Dial(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return 0, err
	}
	defer connection.Close()
	client := grpcreflect.NewClientAuto(ctx, connection)
	defer client.Reset()
	remote := grpcurl.DescriptorSourceFromServer(ctx, client)

	differ := 0
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		symbol := lines.Text()
		wanted, err := describe(symbol, local)
		if err != nil {
			return differ, fmt.Errorf("%s: the set itself: %w", symbol, err)
		}
		if got, err := describe(symbol, remote); err != nil {
			fmt.Printf("%s: %v\n", symbol, err)
			differ++
		} else if got != wanted {
			fmt.Printf("%s: the server says\n%s\nthe set says\n%s\n", symbol, got, wanted)
			differ++
		}
	}
	return differ, lines.Err()
}

func describe(symbol string, source grpcurl.DescriptorSource) (string, error) {
	descriptor, err := source.FindSymbol(symbol)
	if err != nil {
		return "", err
	}
	return grpcurl.GetDescriptorText(descriptor, source)
}
