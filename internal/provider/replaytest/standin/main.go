// Command standin serves replayed market data for browser tests: go run ./internal/provider/replaytest/standin.
//
// It prints its address, then answers until it is ended. See replaytest.Server for how to steer it.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"folioscope/internal/provider/replaytest"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	folder := flag.String("payloads", "", "folder of payloads, a folder with a manifest.json per source; empty: the embedded ones")
	flag.Parse()
	if err := run(*listen, *folder); err != nil {
		log.Fatal(err)
	}
}

func run(listen, folder string) error {
	root := replaytest.Payloads()
	if folder != "" {
		root = os.DirFS(folder)
	}
	replay, err := replaytest.New(root, time.Now, "yahoo", "ecb", "amfi", "mfapi", "coingecko",
		"finnhub", "tiingo", "twelvedata", "eodhd", "massive", "frankfurter", "fred", "alphavantage", "openfigi")
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	server := &http.Server{Handler: replay, ReadHeaderTimeout: 5 * time.Second}
	return server.Serve(listener)
}
