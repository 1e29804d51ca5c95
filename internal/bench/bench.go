// Package bench measures two whole nodes, each in a process of its own, over loopback and with durable commits. It
// compares them with the private RSA operation, timed on the same machine in the same run: such a ratio says
// something on any machine.
package bench

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options of a measurement.
type Options struct {
	Program string // the ravn binary; both nodes run it
	Dir     string // empty folder
	Seconds int    // how long the closed loop runs; ignored with Count
	Size    int64  // bytes of the document; 0 means the demo's invoice
	Count   int    // number of messages; 0 means as many as fit into Seconds
	Workers int    // messages in progress at once; 0 means 16
	Queue   bool   // messages are handed in, and sent by the queue, instead of in the closed loop
}

// Result is what was measured. CPU is user and system time of the process, per message.
type Result struct {
	Messages          int     `json:"messages"`
	MessagesPerSecond float64 `json:"messages_per_second"`
	P50               float64 `json:"p50_ms"` // of the time until the receipt
	P99               float64 `json:"p99_ms"`
	ReceiveCPU        float64 `json:"receive_cpu_ms"`
	SendCPU           float64 `json:"send_cpu_ms"`
	RSAOp             float64 `json:"rsa_op_ms"`     // one private RSA-2048 operation
	RatioReceive      float64 `json:"ratio_receive"` // 2 operations: unwrap the key, sign the receipt
	RatioSend         float64 `json:"ratio_send"`    // 1 operation: sign the message
	PeakGrowth        float64 `json:"peak_rss_growth_mib"`
	Seconds           float64 `json:"seconds"`
}

// Report is what the sending process prints at its end.
type Report struct {
	Latencies []float64 `json:"latencies_ms"`
	Seconds   float64   `json:"seconds"`
	CPU       float64   `json:"cpu_ms"`
}

// Commands are the command lines of the two processes: serve with a configuration, and the sending loop.
type Commands struct {
	Receiver []string
	Sender   []string
	Ready    string // text in a line of the receiver's log that says that it is ready
}

// Run starts the receiver, then the sender, and measures while they work.
func Run(ctx context.Context, o Options, c Commands) (*Result, error) {
	rx, err := startProcess(ctx, o.Program, c.Receiver, c.Ready)
	if err != nil {
		return nil, fmt.Errorf("bench: receiver: %w", err)
	}
	defer rx.stop()
	tx, err := startProcess(ctx, o.Program, c.Sender, "")
	if err != nil {
		return nil, fmt.Errorf("bench: sender: %w", err)
	}
	defer tx.stop()
	if err := tx.await("warm"); err != nil {
		return nil, fmt.Errorf("bench: sender: %w", err)
	}
	before, rss := rx.cpu(), [2]int64{rx.peak(), tx.peak()}
	if _, err := io.WriteString(tx.in, "go\n"); err != nil {
		return nil, err
	}
	op, stopOps := measureRSA()
	line, err := tx.readLine()
	stopOps()
	if err != nil {
		return nil, fmt.Errorf("bench: sender: %w", err)
	}
	var rep Report
	if err := json.Unmarshal([]byte(line), &rep); err != nil || len(rep.Latencies) == 0 {
		return nil, errors.Join(fmt.Errorf("bench: the sender reported %.200q", line), err)
	}
	return summary(rep, op(), rx.waitIdle()-before, max(rx.peak()-rss[0], tx.peak()-rss[1])), nil
}

// summary puts the numbers of a run together. op is the time of one RSA operation, receive the CPU time of the
// receiver, both in ms; growth is in KiB.
func summary(rep Report, op, receive float64, growth int64) *Result {
	slices.Sort(rep.Latencies)
	n := len(rep.Latencies)
	at := func(q float64) float64 { return rep.Latencies[min(n-1, int(q*float64(n)))] }
	r := &Result{
		Messages: n, MessagesPerSecond: float64(n) / rep.Seconds, P50: at(0.50), P99: at(0.99), Seconds: rep.Seconds,
		ReceiveCPU: receive / float64(n), SendCPU: rep.CPU / float64(n), RSAOp: op, PeakGrowth: float64(growth) / 1024,
	}
	r.RatioReceive, r.RatioSend = 2*op/r.ReceiveCPU, op/r.SendCPU
	return r
}

// process is one of the two nodes.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startProcess runs the program; its output and log are read here. With ready it waits for a line with that text.
func startProcess(ctx context.Context, program string, args []string, ready string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	p.out = bufio.NewReaderSize(r, 1<<20)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if ready == "" {
		return p, nil
	}
	if err := p.await(ready); err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, p.out) }() // the rest of the log
	return p, nil
}

// readLine returns the next line of output.
func (p *process) readLine() (string, error) {
	s, err := p.out.ReadString('\n')
	return strings.TrimSpace(s), err
}

// await reads lines until one holds text.
func (p *process) await(text string) error {
	var last string
	for {
		s, err := p.readLine()
		if err != nil {
			return fmt.Errorf("it ended: %s", last)
		}
		if strings.Contains(s, text) {
			return nil
		}
		if strings.Contains(s, "RAVN-") {
			return errors.New(s)
		}
		last = s
	}
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	_ = p.cmd.Wait()
}

// proc reads a file of the process from /proc.
func (p *process) proc(name string) string {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), name))
	if err != nil {
		return ""
	}
	return string(b)
}

// tick is the unit of times in /proc: USER_HZ, which is 100 on every Linux that Go runs on.
const tick = 10.0

// cpu returns the CPU time of the process so far, in ms.
func (p *process) cpu() float64 {
	// utime and stime are fields 14 and 15 (proc(5)), the 12th and 13th behind the name, which may have blanks in it.
	_, rest, _ := strings.Cut(p.proc("stat"), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	sys, _ := strconv.ParseFloat(f[12], 64)
	return (user + sys) * tick
}

// waitIdle waits until the process has nothing left to do, such as deliveries, and returns its CPU time.
func (p *process) waitIdle() float64 {
	last := p.cpu()
	for range 50 {
		time.Sleep(200 * time.Millisecond)
		now := p.cpu()
		if now-last <= tick {
			return now
		}
		last = now
	}
	return last
}

// peak returns the largest resident memory of the process so far, in KiB.
func (p *process) peak() int64 {
	for line := range strings.Lines(p.proc("status")) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			return n
		}
	}
	return 0
}

// measureRSA times private operations now and then while the nodes work, so that both see the same clock frequency
// and the same neighbours. It counts the CPU time of one thread, not waiting. op returns the mean in ms, after stop.
func measureRSA() (op func() float64, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var spent, n float64
	wg.Go(func() {
		runtime.LockOSThread()
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return
		}
		sum := make([]byte, 32)
		for ctx.Err() == nil {
			const batch = 5
			before := threadCPU()
			for range batch {
				if _, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum); err != nil {
					return
				}
			}
			spent, n = spent+threadCPU()-before, n+batch
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return func() float64 { return spent / max(n, 1) }, func() { cancel(); wg.Wait() }
}

// threadCPU returns the CPU time of this thread in ms.
func threadCPU() float64 {
	const rusageThread = 1
	var ru syscall.Rusage
	if syscall.Getrusage(rusageThread, &ru) != nil {
		return 0
	}
	return cpuOf(&ru)
}

// SelfCPU returns the CPU time of this process in ms.
func SelfCPU() float64 {
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) != nil {
		return 0
	}
	return cpuOf(&ru)
}

func cpuOf(ru *syscall.Rusage) float64 {
	ms := func(tv syscall.Timeval) float64 { return float64(tv.Sec)*1e3 + float64(tv.Usec)/1e3 }
	return ms(ru.Utime) + ms(ru.Stime)
}
