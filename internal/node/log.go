package node

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
)

// Levels (style.md, habit 11): error, an operator must act; warn, the other side is wrong; info, one line per message;
// debug, steps. Nothing that a stranger sends is an error. Each line about a message has its id in the field tx.

// maxText is the longest text from others in a line (SEC-150).
const maxText = 256

// clean makes a text from others safe for a log: characters that are not printable or change the direction of writing
// are escaped, so that nobody can forge lines.
func clean(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// alarm begins a line that needs the attention of an operator. The field alarm has the kind.
func (n *Node) alarm(level zerolog.Level, kind string) *zerolog.Event {
	return n.opts.Log.WithLevel(level).Str("alarm", kind)
}

// trouble logs an error that an operator must act on, once a minute. kind is a fixed text.
func (n *Node) trouble(kind string, err error) {
	if n.lines.troubles.allow(kind, "") {
		n.opts.Log.Error().Str("error", clean(err.Error())).Msg(kind)
	}
}

// about adds the fields that all lines about a request have.
func about(ev *zerolog.Event, x *as4.Exchange) *zerolog.Event {
	ev = ev.Str("dir", "in").Str("tx", x.ID).Str("message_id", clean(string(x.MessageID))).
		Str("c2", clean(string(x.C2))).Str("doctype", clean(x.DocType)).
		Str("step", string(x.Step)).Str("code", string(x.Code)).Int("status", x.Status).
		Int64("bytes", x.Bytes).Dur("ms", x.End.Sub(x.Start)).
		Str("remote", clean(x.Remote)).Str("agent", clean(x.Agent))
	if x.Proxy != "" {
		ev = ev.Str("proxy", x.Proxy)
	}
	if len(x.Tolerated) > 0 {
		ev = ev.Strs("as4.tolerated", x.Tolerated)
	}
	if len(x.Warnings) > 0 {
		ev = ev.Strs("warnings", x.Warnings)
	}
	return ev
}

// logReceived logs a message for which a receipt was sent.
func (n *Node) logReceived(x *as4.Exchange) {
	ev := about(n.opts.Log.Info(), x)
	if x.Duplicate {
		ev = ev.Bool("duplicate", true)
	}
	if x.Unsent != nil {
		ev = ev.Str("unsent", clean(x.Unsent.Error())) // the sender will repeat the message
	}
	ev.Msg("received")
}

// logRefused logs a message that was not accepted: as the other side's error, and once more as ours if the cause lies
// here.
func (n *Node) logRefused(x *as4.Exchange) {
	limit, source := n.lines.strangers, x.Source
	if x.Authenticated {
		limit, source = n.lines.peers, string(x.C2)
	}
	if limit.allow(fmt.Sprintf("refused %s %s %d", x.Step, x.Code, x.Status), source) {
		ev := about(n.opts.Log.Warn(), x).Str("source", x.Source)
		if cause := causeOf(x); cause != "" {
			ev = ev.Str("cause", cause)
		}
		ev.Str("error", clean(inner(x.Err).Error())).Msg("refused")
	}
	n.logOwnFailure(x)
	if x.Blocked != "" { // SEC-092
		n.alarm(zerolog.WarnLevel, "decryption").Str("tx", x.ID).Str("c2", string(x.C2)).Str("source", x.Source).
			Str("blocked",
				x.Blocked).Msg(
			"more than 20 messages in ten minutes could not be decrypted: no more are tried for ten minutes")
	}
}

// causeOf says why a sender was told to try again later.
func causeOf(x *as4.Exchange) string {
	var u *unready
	if errors.As(x.Err, &u) {
		return u.cause
	}
	return x.Cause
}

// logOwnFailure logs a refusal for which the sender is not to blame.
func (n *Node) logOwnFailure(x *as4.Exchange) {
	var p *as4.Panic
	var u *unready
	switch {
	case errors.As(x.Err, &p):
		n.logPanic(p, x.ID)
	case x.Code == ebms.CodeDeliveryFailure:
		if n.lines.troubles.allow("not accepted", clean(x.Err.Error())) {
			n.opts.Log.Error().Str("tx", x.ID).Str("c2", string(x.C2)).Str("error", clean(x.Err.Error())).
				Msg("a message could not be accepted; its sender repeats it")
		}
	case errors.As(x.Err, &u): // health.tell logged it when it began
	case x.Cause == as4.CauseInternal, x.Cause == as4.CauseNoKey, x.Cause == as4.CauseSpool:
		n.trouble(x.Cause, x.Err)
	}
}

// maxStack bounds the stack of a panic in the log.
const maxStack = 8 << 10

// logPanic logs a panic of ours, each text once a minute.
func (n *Node) logPanic(p *as4.Panic, tx string) {
	if n.lines.troubles.allow("panic", clean(p.Error())) {
		n.opts.Log.Error().Str("tx", tx).Str("error", clean(p.Error())).
			Str("stack", firstBytes(p.Stack, maxStack)).Msg("panic")
	}
}

func firstBytes[T ~string | ~[]byte](s T, n int) string { return string(s[:min(n, len(s))]) }

// inner returns the cause of an error that the other side only learnt as a code.
func inner(err error) error {
	var ee *ebms.Error
	if errors.As(err, &ee) && ee.Err != nil {
		return ee.Err
	}
	return err
}

// connectionClosed logs a connection for which there was no room (SEC-012).
func (n *Node) connectionClosed(c intake.Closing) {
	if n.lines.strangers.allow("connection "+c.Why.Kind.String(), c.Source.String()) {
		n.opts.Log.Warn().Str("remote", clean(c.Remote)).Str("source", c.Source.String()).
			Str("cause", c.Why.Error()).Msg("connection closed")
	}
}

// logDelivery logs the end of an attempt to deliver.
func (n *Node) logDelivery(m store.Message, out backend.Outcome) {
	n.handedOver(&m, out)
	if !out.Delivered() {
		n.failure(out.Err).Str("dir", "in").Str("tx", m.ID).Str("message_id", m.MessageID).Msg("delivery failed")
		return
	}
	n.opts.Log.Info().Str("dir", "in").Str("tx", m.ID).Str("message_id", m.MessageID).Msg("delivered")
}

// logJob logs errors of the queue other than the outcome of its work.
func (n *Node) logJob(job store.Job, err error) {
	if errors.Is(err, queue.ErrQuarantined) {
		err = fault.New(fault.Quarantined, err, "")
	}
	n.failure(err).Str("tx", job.MessageID).Str("job", job.ID).Msg("queue")
}

// httpLog receives the log lines of net/http, of which only the text is known: failed handshakes, panics outside of the
// endpoint, failures to accept a connection.
type httpLog struct{ n *Node }

// Prefixes of lines that net/http writes.
const (
	handshakeLine = "http: TLS handshake error from "
	panicLine     = "http: panic serving "
)

// Write logs one line.
func (l httpLog) Write(b []byte) (int, error) {
	n := l.n.heir()
	text := strings.TrimSuffix(string(b), "\n")
	if rest, ok := strings.CutPrefix(text, handshakeLine); ok {
		n.logHandshake(rest)
		return len(b), nil
	}
	line, stack, _ := strings.Cut(text, "\n")
	kind := "the HTTP server"
	if strings.HasPrefix(text, panicLine) {
		kind = "panic"
	}
	if n.lines.troubles.allow(kind, firstBytes(line[strings.LastIndex(line, ": ")+1:], maxText)) {
		ev := n.opts.Log.Error().Str("error", clean(line))
		if stack != "" {
			ev = ev.Str("stack", firstBytes(stack, maxStack))
		}
		ev.Msg(kind)
	}
	return len(b), nil
}

// logHandshake logs a failed handshake, "192.0.2.1:4711: why". A client that connects and sends nothing is a port scan
// or a health check. A connection that we closed ourselves has been logged already.
func (n *Node) logHandshake(text string) {
	remote, why, _ := strings.Cut(text, ": ")
	if _, cause, ok := strings.Cut(why, "->"); ok { // read tcp ours->theirs: cause
		_, why, _ = strings.Cut(cause, ": ")
	}
	level := zerolog.WarnLevel
	switch {
	case strings.Contains(why, "use of closed network connection"):
		return
	case why == "EOF" || strings.Contains(why, "connection reset by peer"):
		level = zerolog.DebugLevel
	}
	source := intake.SourceOf(remote).String()
	if n.lines.strangers.allow("tls handshake "+clean(why), source) {
		n.opts.Log.WithLevel(level).Str("remote", clean(remote)).Str("source", source).Str("cause", clean(why)).
			Msg("tls handshake failed")
	}
}
