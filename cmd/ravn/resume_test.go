package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/testbed"
)

// mute is an access point that takes a message, or the beginning of one, and never answers.
type mute struct {
	*httptest.Server
	got chan struct{}
}

func newMute(t *testing.T, most int64) *mute {
	m := &mute{got: make(chan struct{}, 10)}
	done := make(chan struct{})
	m.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, most)
		m.got <- struct{}{}
		<-done
	}))
	t.Cleanup(func() { close(done); m.Close() })
	return m
}

// interrupted is a ravn send that waits for an answer.
type interrupted struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	id   string
	mute *mute
}

func sendToMute(t *testing.T, args []string, cert string) *interrupted {
	t.Helper()
	return sendTo(t, newMute(t, math.MaxInt64), args, cert)
}

func sendTo(t *testing.T, m *mute, args []string, cert string) *interrupted {
	t.Helper()
	s := &interrupted{mute: m}
	s.cmd = command(nil, append([]string{"--json"},
		append(args, "--endpoint", s.mute.URL+"/as4", "--endpoint-cert", cert)...)...)
	s.cmd.Stdout = &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	<-s.mute.got
	return s
}

// end sends a signal and waits for the end of the process.
func (s *interrupted) end(t *testing.T, sig syscall.Signal) (exit int) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait()
	var first struct{ ID string }
	line, _, _ := strings.Cut(s.out.String(), "\n")
	if err := json.Unmarshal([]byte(line), &first); err != nil || first.ID == "" {
		t.Fatalf("no id: %s", s.out.String())
	}
	s.id = first.ID
	return s.cmd.ProcessState.ExitCode()
}

// outgoing lists the states of what a node has sent, oldest first.
func outgoing(t *testing.T, file string) (states []store.State) {
	t.Helper()
	page, err := openStore(t, file).List(t.Context(), db.DefaultTenant, store.Filter{Direction: store.Out})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range slices.Backward(page.Found) {
		states = append(states, m.State)
	}
	return states
}

func same(t *testing.T, what string, got []store.State, want ...store.State) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
}

// REL-027, REL-020: whoever is interrupted while sending goes on at once with the same message, and nothing that is
// said or done makes a second one of it.
func TestREL027InterruptedSend(t *testing.T) {
	from, to, cert, invoice := twoNodes(t)
	receiver := serveProcess(t, to)
	send := []string{"--config", from, "send", "--from", testbed.Sender, "--to", testbed.Receiver, invoice}
	toReceiver := []string{"--endpoint", receiver.url, "--endpoint-cert", cert}
	resume := func(id string) []string {
		return append([]string{"--config", from, "send", "--resume", id}, toReceiver...)
	}

	s := sendToMute(t, send, cert)
	out, errs, code := call(t, append([]string{"--config", from, "send"}, append(toReceiver, send[3:]...)...)...)
	if code != 3 || !strings.Contains(errs, "RAVN-2303") || !strings.Contains(errs, "until 20") {
		t.Errorf("while another process sends it: exit %d\n%s%s", code, out, errs)
	}
	if code := s.end(t, syscall.SIGKILL); code == 0 {
		t.Error("it ended well")
	}
	out, errs, code = call(t, resume(s.id)...)
	if code != 0 || !strings.Contains(out, "UNKNOWN since") || !strings.Contains(out, "SENT") {
		t.Errorf("after kill -9: exit %d\n%s%s", code, out, errs)
	}
	out, errs, code = call(t, resume(s.id)...)
	if code != 0 || !strings.Contains(out, "nothing was sent now") {
		t.Errorf("a message that is SENT: exit %d\n%s%s", code, out, errs)
	}
	same(t, "after kill -9", outgoing(t, from), store.Sent)

	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		s = sendToMute(t, append(send, "--again"), cert)
		if code := s.end(t, sig); code != 3 {
			t.Errorf("%s: exit %d", sig, code)
		}
		if strings.Contains(s.out.String(), `"state":"SENDING"`) ||
			!strings.Contains(s.out.String(), `"state":"UNKNOWN"`) {
			t.Errorf("%s: %s", sig, s.out.String())
		}
		out, errs, code = call(t, append(send, toReceiver...)...) // the same command again
		if code != 0 || !strings.Contains(out, s.id) {
			t.Errorf("after %s, by content: exit %d\n%s%s", sig, code, out, errs)
		}
	}
	same(t, "after signals", outgoing(t, from), store.Sent, store.Sent, store.Sent)
	if got := delivered(t, to, 3); len(got) != 3 {
		t.Errorf("delivered: %v", got)
	}
}

// CP-S5, CP-S6: the sender is killed when a part of the body has left, or all of it and no answer has come. The attempt
// is closed as interrupted, the message counts as one that may have arrived, and the same message goes on.
func TestCrashWhileSending(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for id, most := range map[string]int64{"CP-S5": 1000, "CP-S6": math.MaxInt64} {
		t.Run(id, func(t *testing.T) {
			from, to, cert, invoice := twoNodes(t)
			receiver := serveProcess(t, to)
			text := bytes.Clone(testbed.Invoice)
			for noise := make([]byte, 30<<10); len(text) < 16<<20; { // more than sockets take
				_, _ = random.Read(noise)
				text = append(text, "<!--"+base64.StdEncoding.EncodeToString(noise)+"-->\n"...)
			}
			if err := os.WriteFile(invoice, text, 0o600); err != nil {
				t.Fatal(err)
			}
			send := []string{"--config", from, "send", "--from", testbed.Sender, "--to", testbed.Receiver, invoice}
			s := sendTo(t, newMute(t, most), send, cert)
			if code := s.end(t, syscall.SIGKILL); code == 0 {
				t.Error("it ended well")
			}
			before := messageOf(t, from, s.id)
			out, errs, code := call(t, "--config", from, "send", "--resume", s.id, "--endpoint", receiver.url,
				"--endpoint-cert", cert)
			if code != 0 || !strings.Contains(out, "UNKNOWN since") {
				t.Errorf("exit %d\n%s%s", code, out, errs)
			}
			got := delivered(t, to, 1)
			sent := messageOf(t, from, s.id)
			isWhole(t, filepath.Join(filepath.Dir(to), "inbox", got[0]), sent)
			if len(got) != 1 || sent.MessageID != before.MessageID {
				t.Errorf("delivered %v as %s, it was %s", got, sent.MessageID, before.MessageID)
			}
			list, err := openStore(t, from).Attempts(t.Context(), db.DefaultTenant, s.id)
			if err != nil || len(list) != 2 || list[0].Outcome != store.OutcomeInterrupted ||
				list[1].Outcome != "receipt" {
				t.Errorf("attempts %+v, %v", list, err)
			}
		})
	}
}

// A process that dies after the commit and before it says the id leaves a message that the same command finds.
func TestREL020FoundByContent(t *testing.T) {
	from, to, cert, invoice := twoNodes(t)
	large := bytes.Replace(testbed.Invoice, []byte("<cbc:ID>DEMO-1"),
		[]byte("<!-- "+strings.Repeat("large ", 20_000)+"--><cbc:ID>DEMO-1"), 1)
	if err := os.WriteFile(invoice, large, 0o600); err != nil { // a payload that the record does not keep itself
		t.Fatal(err)
	}
	receiver := serveProcess(t, to)
	send := []string{
		"--config", from, "send", "--from", testbed.Sender, "--to", testbed.Receiver, "--endpoint", receiver.url,
		"--endpoint-cert", cert, invoice,
	}
	if out, code := ravn(t, []string{"RAVN_FAILPOINT=blob.dirsynced>db.committed"}, send...); out != "" || code == 0 {
		t.Fatalf("exit %d, it said %q", code, out)
	}
	same(t, "after the death", outgoing(t, from), store.Ready)
	if out, errs, code := call(t, send...); code != 0 {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	same(t, "the same command", outgoing(t, from), store.Sent)
	if out, errs, code := call(t, send...); code != 0 || !strings.Contains(out, "nothing was sent now") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	same(t, "once more, after it was sent", outgoing(t, from), store.Sent)

	s := sendToMute(t, []string{
		"--config", from, "send", "--again", "--from", testbed.Sender, "--to", testbed.Receiver, invoice,
	}, cert)
	_ = s.end(t, syscall.SIGKILL)
	if out, errs, code := call(t, append(send, "--again")...); code != 0 {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	same(t, "a second one on purpose", outgoing(t, from), store.Sent, store.Unknown, store.Sent)
}
