package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/bench"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/setup"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/testbed"
)

func (c *cli) bench() *cobra.Command {
	var o bench.Options
	var size string
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure two nodes on this machine: messages per second, CPU per message, memory",
		Args: cobra.NoArgs,
		Long: "Starts two access points as two processes on loopback, with durable commits, and sends in a closed " +
			"loop.\n" +
			"ratio_receive is 2 private RSA operations divided by the receiver's CPU per message, ratio_send is 1 " +
			"divided by the sender's.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Size, err = parseSize(size); err != nil {
				return err
			}
			res, err := c.runBench(cmd.Context(), o)
			if err != nil {
				return fault.New(fault.BenchFailed, err, "")
			}
			return c.print(res, "%s in %.1f s: %.1f/s, receipt after %.1f ms (p50), %.1f ms (p99)\n"+
				"receiver %.2f ms CPU per message, sender %.2f ms, one private RSA-2048 operation %.2f ms\n"+
				"ratio_receive %.2f (2 operations / receiver), ratio_send %.2f (1 operation / sender)\n"+
				"peak resident memory grew by %.1f MiB",
				count(res.Messages, "message", "messages"), res.Seconds, res.MessagesPerSecond, res.P50, res.P99,
				res.ReceiveCPU, res.SendCPU, res.RSAOp, res.RatioReceive, res.RatioSend, res.PeakGrowth)
		},
	}
	cmd.Flags().IntVar(&o.Seconds, "seconds", 10, "how long to send")
	cmd.Flags().StringVar(&size, "size", "",
		"size of the document, like 10KiB, 100MiB, 1GiB (default: the demo's invoice)")
	cmd.Flags().IntVar(&o.Count, "count", 0, "number of messages, instead of --seconds")
	cmd.Flags().IntVar(&o.Workers, "workers", 16, "messages in progress at once")
	cmd.AddCommand(c.benchSend())
	return cmd
}

// parseSize reads a size with a unit.
func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	unit := int64(1)
	for suffix, n := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = strings.TrimSpace(rest), n
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, badArgs("--size: want a number with KiB, MiB or GiB")
	}
	return n * unit, nil
}

// runBench prepares two nodes of one private network and measures them.
func (c *cli) runBench(ctx context.Context, o bench.Options) (*bench.Result, error) {
	dir, err := os.MkdirTemp("", "ravn-bench-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // nothing there is of value after the measurement
	if o.Program, err = os.Executable(); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	address := "127.0.0.1:" + strconv.Itoa(port)
	a, err := setup.Write(setup.Node{
		Dir: filepath.Join(dir, "a"), Environment: certs.Local, Listen: "127.0.0.1:0",
		Seat: "POP900001",
	})
	if err != nil {
		return nil, err
	}
	b, err := setup.Write(setup.Node{
		Dir: filepath.Join(dir, "b"), Environment: certs.Local, Listen: address,
		Seat: "POP900002", PKI: filepath.Join(dir, "a", "pki"),
	})
	if err != nil {
		return nil, err
	}
	if err := raiseLimits(o.Workers, a.Config, b.Config); err != nil {
		return nil, err
	}
	if err := serveDemo(ctx, b.Config); err != nil {
		return nil, err
	}
	args := []string{
		"bench", "send", "--config", a.Config, "--url", "http://" + address + "/as4", "--cert",
		filepath.Join(dir, "b", "cert.pem"),
		"--seconds", strconv.Itoa(o.Seconds), "--bytes", strconv.FormatInt(o.Size, 10), "--count",
		strconv.Itoa(o.Count), "--workers", strconv.Itoa(o.Workers),
	}
	return bench.Run(ctx, o, bench.Commands{
		Receiver: []string{"serve", "--config", b.Config}, Sender: args,
		Ready: `"ready"`,
	})
}

// raiseLimits allows documents of several GiB, and as many connections of one source as there are workers.
func raiseLimits(workers int, files ...string) error {
	connections := max(256, 2*workers)
	keys := "as4:\n  max_bytes: 2147483648\n  max_expanded_bytes: 4294967296\n" +
		fmt.Sprintf("  connections: %d\n  connections_per_source: %d\n", connections, connections)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		text = []byte(strings.Replace(string(text), "as4:\n", keys, 1))
		if err := durable.WriteFile(name, 0o600, durable.Bytes(text)); err != nil {
			return err
		}
	}
	return nil
}

// serveDemo registers the demo's receiver.
func serveDemo(ctx context.Context, file string) error {
	sub := &cli{config: file, out: io.Discard, err: io.Discard}
	s := served{testbed.Receiver, testbed.DocType, testbed.Process, "eProcurement"}
	e, err := s.parse()
	if err != nil {
		return err
	}
	return sub.withStore(ctx, func(st *store.Store) error { return st.AddServed(ctx, db.DefaultTenant, e) })
}

// benchSend is the sending process of bench, which starts it.
func (c *cli) benchSend() *cobra.Command {
	var o bench.Options
	var url, cert string
	cmd := &cobra.Command{
		Use: "send", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f := sendFlags{endpoint: url, endpointCert: cert}
			peer, err := f.peer()
			if err != nil {
				return err
			}
			cfg, err := c.load()
			if err != nil {
				return err
			}
			tuneGC()
			n, err := node.Open(cmd.Context(), cfg, node.Options{Log: zerolog.Nop(), Command: true})
			if err != nil {
				return err
			}
			defer func() { _ = n.Close() }() // nothing is kept
			send, err := benchMessage(n, peer, o.Size)
			if err != nil {
				return err
			}
			// caches, connections, prepared statements; large documents are measured from the idle node on
			if o.Size == 0 {
				for range 20 {
					if err := send(cmd.Context()); err != nil {
						return err
					}
				}
			}
			fmt.Fprintln(c.out, "warm")
			if _, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n'); err != nil {
				return err
			}
			rep, err := bench.Loop(cmd.Context(), o, send)
			if err != nil {
				return err
			}
			return json.NewEncoder(c.out).Encode(rep)
		},
	}
	f := cmd.Flags()
	f.StringVar(&url, "url", "", "")
	f.StringVar(&cert, "cert", "", "")
	f.IntVar(&o.Seconds, "seconds", 0, "")
	f.Int64Var(&o.Size, "bytes", 0, "")
	f.IntVar(&o.Count, "count", 0, "")
	f.IntVar(&o.Workers, "workers", 0, "")
	return cmd
}

// benchMessage returns a function that sends one message: the demo's invoice, or noise of a size as BinaryContent.
func benchMessage(n *node.Node, peer as4.Peer, size int64) (func(context.Context) error, error) {
	var s ap.Submission
	var err error
	if s.From, err = peppol.ParseParticipant(testbed.Sender); err != nil {
		return nil, err
	}
	if s.To, err = peppol.ParseParticipant(testbed.Receiver); err != nil {
		return nil, err
	}
	s.Open = ap.Bytes(testbed.Invoice)
	if size > 0 {
		if s.DocType, err = peppol.ParseDocType(testbed.DocType); err != nil {
			return nil, err
		}
		if s.Process, err = peppol.ParseProcess(testbed.Process); err != nil {
			return nil, err
		}
		s.MimeType = "application/octet-stream"
		s.Open = func() (io.ReadCloser, error) {
			return io.NopCloser(io.LimitReader(rand.NewChaCha8([32]byte{1}), size)), nil
		}
	}
	return func(ctx context.Context) error {
		m, job, err := n.Submit(ctx, s)
		if err != nil {
			return err
		}
		_, err = n.Attempt(ctx, m, job, peer)
		return err
	}, nil
}
