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
	"time"

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
	"github.com/ravn-ap/ravn/smp"
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
			if o.Queue {
				return c.compareQueue(cmd.Context(), o)
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
	cmd.Flags().BoolVar(&o.Queue, "queue", false, "hand documents in and let the queue send them, 10,000 without "+
		"--count; the same number in the closed loop for comparison")
	cmd.AddCommand(c.benchSend())
	return cmd
}

// queueResult compares the queue with the closed loop, in which each document is sent by the command that hands it in.
type queueResult struct {
	Queue *bench.Result `json:"queue"` // the latencies are of handing in
	Loop  *bench.Result `json:"closed_loop"`
	Ratio float64       `json:"ratio"` // of messages per second
}

func (c *cli) compareQueue(ctx context.Context, o bench.Options) error {
	if o.Count == 0 {
		o.Count = 10_000
	}
	var r queueResult
	var err error
	o.Queue = false
	if r.Loop, err = c.runBench(ctx, o); err == nil {
		o.Queue = true
		r.Queue, err = c.runBench(ctx, o)
	}
	if err != nil {
		return fault.New(fault.BenchFailed, err, "")
	}
	r.Ratio = r.Queue.MessagesPerSecond / r.Loop.MessagesPerSecond
	return c.print(r, "%s, handed in → queue → second node → delivered: %.1f/s in %.1f s, handed in after %.1f ms "+
		"(p50), %.1f ms (p99)\nCPU per message: sender %.2f ms, receiver %.2f ms; peak resident memory grew by "+
		"%.1f MiB\n"+
		"closed loop: %.1f/s, sender %.2f ms, receiver %.2f ms\nqueue / closed loop: %.2f",
		count(r.Queue.Messages, "message", "messages"), r.Queue.MessagesPerSecond, r.Queue.Seconds, r.Queue.P50,
		r.Queue.P99, r.Queue.SendCPU, r.Queue.ReceiveCPU, r.Queue.PeakGrowth, r.Loop.MessagesPerSecond, r.Loop.SendCPU,
		r.Loop.ReceiveCPU, r.Ratio)
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
	if o.Queue {
		args = append(args, "--queue")
	}
	res, err := bench.Run(ctx, o, bench.Commands{
		Receiver: []string{"serve", "--config", b.Config}, Sender: args,
		Ready: `"ready"`,
	})
	if err != nil {
		return nil, err
	}
	inbox, err := os.ReadDir(filepath.Join(dir, "b", "inbox"))
	if err == nil && len(inbox) < res.Messages {
		err = fmt.Errorf("%d of %d messages were delivered", len(inbox), res.Messages)
	}
	return res, err
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
			n, err := node.Open(cmd.Context(), cfg, node.Options{Log: zerolog.Nop(), Command: !o.Queue})
			if err != nil {
				return err
			}
			defer func() { _ = n.Close() }() // nothing is kept
			sub, err := benchDocument(o.Size)
			if err != nil {
				return err
			}
			send, sent := benchMessage(n, peer, sub), func(context.Context) error { return nil }
			if o.Queue {
				end, err := serveBeside(cmd.Context(), n, peer)
				if err != nil {
					return err
				}
				defer end()
				send, sent = benchHandIn(n, sub), func(ctx context.Context) error { return allSent(ctx, n) }
			}
			// caches, connections, prepared statements; large documents are measured from the idle node on
			if o.Size == 0 {
				for range 20 {
					if err := send(cmd.Context()); err != nil {
						return err
					}
				}
				if err := sent(cmd.Context()); err != nil {
					return err
				}
			}
			fmt.Fprintln(c.out, "warm")
			if _, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n'); err != nil {
				return err
			}
			rep, err := bench.Loop(cmd.Context(), o, send, sent)
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
	f.BoolVar(&o.Queue, "queue", false, "")
	return cmd
}

// benchDocument is what is sent: the demo's invoice, or noise of a size as BinaryContent.
func benchDocument(size int64) (s ap.Submission, err error) {
	if s.From, err = peppol.ParseParticipant(testbed.Sender); err != nil {
		return s, err
	}
	if s.To, err = peppol.ParseParticipant(testbed.Receiver); err != nil {
		return s, err
	}
	s.Open = ap.Bytes(testbed.Invoice)
	if size > 0 {
		if s.DocType, err = peppol.ParseDocType(testbed.DocType); err != nil {
			return s, err
		}
		if s.Process, err = peppol.ParseProcess(testbed.Process); err != nil {
			return s, err
		}
		s.MimeType = "application/octet-stream"
		s.Open = func() (io.ReadCloser, error) {
			return io.NopCloser(io.LimitReader(rand.NewChaCha8([32]byte{1}), size)), nil
		}
	}
	return s, nil
}

// benchMessage returns a function that sends one message.
func benchMessage(n *node.Node, peer as4.Peer, s ap.Submission) func(context.Context) error {
	return func(ctx context.Context) error {
		m, job, err := n.Submit(ctx, s)
		if err != nil {
			return err
		}
		_, err = n.Attempt(ctx, m, job, peer)
		return err
	}
}

// benchHandIn returns a function that hands one message in.
func benchHandIn(n *node.Node, s ap.Submission) func(context.Context) error {
	return func(ctx context.Context) error {
		_, _, err := n.Outbound.Submit(ctx, s)
		return err
	}
}

// onePeer is a directory in which every receiver is at one access point: looking up is not measured.
type onePeer smp.Endpoint

func (p *onePeer) Endpoint(context.Context, peppol.ParticipantID, peppol.DocTypeID, peppol.ProcessID) (*smp.Endpoint,
	error,
) {
	return (*smp.Endpoint)(p), nil
}

func (*onePeer) Forget(peppol.ParticipantID, peppol.DocTypeID) {}

// serveBeside runs the server of a node until end is called.
func serveBeside(ctx context.Context, n *node.Node, peer as4.Peer) (end func(), err error) {
	n.Outbound.Directory = &onePeer{URL: peer.URL, Cert: peer.Cert}
	if err := n.Listen(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = n.Serve(ctx) // what went wrong shows in the messages
	}()
	return func() { stop(); <-done }, nil
}

// allSent waits until the queue has nothing left to send. A message that was not sent is an error.
func allSent(ctx context.Context, n *node.Node) error {
	for {
		for _, dead := range []bool{true, false} {
			list, err := n.Store.Jobs(ctx, db.DefaultTenant, store.JobFilter{Kind: store.Send, Dead: dead, Limit: 1})
			switch {
			case err != nil:
				return err
			case len(list) > 0 && (dead || list[0].Spent > 0 && list[0].Reason != ""):
				return fmt.Errorf("a message was not sent: %s", list[0].Reason)
			case len(list) == 0 && !dead:
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
