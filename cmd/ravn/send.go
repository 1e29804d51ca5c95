package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/validation"
)

// sendFlags are the flags of send.
type sendFlags struct {
	from, to, docType, process, country string
	mimeType                            string
	text                                bool
	conversation                        string
	endpoint, endpointCert              string
	resume                              string
	again                               bool

	tenant string
	batch  bool
	noWait bool
	wait   time.Duration
}

// many reports whether a call is about many documents, or hands them over.
func (f *sendFlags) many(args []string) bool {
	if f.batch || f.noWait || f.wait > 0 || f.tenant != "" || len(args) > 1 {
		return true
	}
	if len(args) == 1 {
		info, err := os.Stat(args[0])
		return err == nil && info.IsDir()
	}
	return false
}

// sendHelp is the help of send.
const sendHelp = `Send a business document (which is wrapped in an envelope) or a complete StandardBusinessDocument.
The message is recorded before anything is sent, and one attempt is made. If that does not succeed, ravn serve sends
the same bytes again by its plan (send.retry); ravn send --resume ID does so at once. Repeating the command is the
same: a document that arrived, may have arrived or is still to be sent is found by its content, and is not sent a
second time without --again. Sender, receiver, document type, process and country are read from the document where it
says them.

Several files, a folder (its files *.xml), or --batch with one JSON object a line on standard input:
  {"file":"a.xml","from":"…","to":"…","doctype":"…","process":"…","country":"…","key":"…","tenant":"…"}
send many, with a result line each and a summary; only file is needed. Each is handed in under a key: that of the
line, or the hash of content and addressing. So a call that was interrupted is simply repeated: nothing is sent twice.
"failed" certainly did not arrive; "attention" may have arrived, and says what to do. While ravn serve runs on this
data folder it sends what is handed in, and the command waits until each has its receipt, was given up, or has to wait
for another attempt (with --wait: until the time is over). Else the command makes one attempt for each itself.`

func (c *cli) send() *cobra.Command {
	var f sendFlags
	cmd := &cobra.Command{
		Use: "send [FILE|FOLDER ...]", Short: "Send documents, or complete envelopes: one, many, a folder, a batch",
		Long: sendHelp,
		RunE: func(cmd *cobra.Command, args []string) error { return c.runSend(cmd.Context(), &f, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.from, "from", "", "sender (C1), like 0192:991825827")
	fl.StringVar(&f.to, "to", "", "receiver (C4)")
	fl.StringVar(&f.docType, "doctype", "", typeFlag+" (default: read from the document)")
	fl.StringVar(&f.process, "process", "", "process identifier (default: read from the document)")
	fl.StringVar(&f.country, "country", "", "country of the sender (COUNTRY_C1)")
	fl.StringVar(&f.mimeType, "mime-type", "", "send any file, wrapped as BinaryContent with this media type")
	fl.BoolVar(&f.text, "text", false, "with --mime-type: wrap as TextContent instead")
	fl.StringVar(&f.conversation, "conversation", "", "eb:ConversationId (default: a new one)")
	fl.StringVar(&f.endpoint, "endpoint", "",
		"URL of the receiving access point, instead of a lookup (local and test only)")
	fl.StringVar(&f.endpointCert, "endpoint-cert", "", "PEM file with its certificate")
	fl.StringVar(&f.resume, "resume", "", "send the stored bytes of this message again (id or MessageId)")
	fl.BoolVar(&f.again, "again", false,
		"send the document as a new message even if the record has the same one")
	fl.StringVar(&f.tenant, "tenant", "", "whose document it is, one of tenants in the configuration")
	fl.BoolVar(&f.batch, "batch", false, "read what to send from standard input, one JSON object a line")
	fl.BoolVar(&f.noWait, "no-wait", false, "end when the documents are on record: ravn serve sends them")
	fl.DurationVar(&f.wait, "wait", 0, "wait at most so long for the outcome, like 60s")
	return cmd
}

func (c *cli) runSend(ctx context.Context, f *sendFlags, args []string) error {
	if err := f.check(args); err != nil {
		return err
	}
	peer, err := f.peer()
	if err != nil {
		return err
	}
	cfg, err := config.Load(c.config)
	if err != nil {
		return err
	}
	if peer.URL != "" && cfg.Env() == certs.Production {
		return badArgs("--endpoint is not allowed in production")
	}
	n, err := node.Open(ctx, cfg, node.Options{
		Log: zerolog.Nop(), Hook: failpoint(), Program: programName(), Command: true,
	})
	if err != nil {
		return err
	}
	defer func() { _ = n.Close() }() // what was committed is safe even if this fails
	if f.many(args) {
		return c.sendMany(ctx, n, f, peer, args)
	}
	if f.resume != "" {
		m, err := n.FindOutgoing(ctx, f.resume)
		if err != nil {
			return err
		}
		return c.resume(ctx, n, m, func() error { _, err := n.Send(ctx, m, peer); return err })
	}
	sub, err := f.submission(args[0])
	if err != nil {
		return err
	}
	m, found, err := n.HandedIn(ctx, db.DefaultTenant, sub.Content)
	if err != nil {
		return err
	}
	if found && !f.again {
		return c.resume(ctx, n, m, func() error { _, err := n.Repeat(ctx, m, peer); return err })
	}
	_, err = c.submit(ctx, n, sub, peer)
	return err
}

// submit records a submission and makes one attempt to send it. Nothing is recorded if the configuration does not allow
// to send it anyway.
func (c *cli) submit(ctx context.Context, n *node.Node, sub ap.Submission, peer as4.Peer) (store.Message, error) {
	sub.AtOnce = &peer
	m, job, err := n.Submit(ctx, sub)
	if err != nil {
		return m, err
	}
	return m, c.attempt(ctx, n, m, func() error { _, err := n.Attempt(ctx, m, job, peer); return err })
}

// resume makes another attempt for a message on record, unless it is at an end.
func (c *cli) resume(ctx context.Context, n *node.Node, m store.Message, send func() error) error {
	switch f := fateOf(&m); {
	case f.word == resultSent:
		l := newSendLine("finished", m)
		l.Result = resultAlready
		return c.print(l, "MessageId %s\nid        %s\n%s: it has its receipt since %s; nothing was sent now",
			m.MessageID, m.ID, m.State, m.Accepted.Format(time.RFC3339))
	case !f.pending():
		return c.finished(newSendLine("finished", m), "MessageId "+m.MessageID+"\nid        "+m.ID, f)
	}
	return c.attempt(ctx, n, m, send)
}

// attempt prints what is to be sent before it sends anything, so that the ids are known if it is interrupted, makes one
// attempt and prints the outcome.
func (c *cli) attempt(ctx context.Context, n *node.Node, m store.Message, send func() error) error {
	l := newSendLine("submitted", m)
	before := ""
	if !m.Sealed.IsZero() {
		l.Event, before = "resumed", fmt.Sprintf("\n%s since %s: the same bytes are sent again", m.State,
			m.Created.Format(time.RFC3339))
	}
	var err error
	if l.Validation, err = findings(ctx, n, m); err != nil {
		c.warn(err) // it is sent all the same
	}
	if err := c.print(l, "MessageId %s\nid        %s\ninstance  %s\nreceiver  %s\ntype      %s%s%s",
		m.MessageID, m.ID, m.InstanceID, m.Receiver, l.DocType, l.checked(), before); err != nil {
		return err
	}
	begin := time.Now()
	sendErr := cancelled(ctx, send())
	l.Event, l.Validation, l.Duration = "finished", nil, time.Since(begin).Milliseconds()
	f, err := l.outcome(context.WithoutCancel(ctx), n, begin)
	if err != nil {
		c.warn(err) // what the attempt says is known all the same
		if f = (fate{word: resultWaiting, exit: fault.Unsure}); sendErr == nil {
			f, l.State = fate{word: resultSent}, string(store.Sent)
		}
	}
	head := "duration  " + (time.Duration(l.Duration) * time.Millisecond).String()
	if l.Endpoint != "" {
		head = "endpoint  " + l.Endpoint + "\n" + head
	}
	return c.finished(l, head, f.because(sendErr))
}

// finished prints the outcome, and returns it as an error unless the message has its receipt.
func (c *cli) finished(l sendLine, head string, f fate) error {
	l.Result, l.OK, l.Error, l.Code = f.word, f.exit == fault.OK, f.text, string(f.code)
	if l.OK {
		return c.print(l, "%s\n%s: the receipt is verified and stored", head, l.State)
	}
	if err := c.print(l, "%s\n%s: %s", head, l.State, f.word); err != nil {
		return err
	}
	if c.json {
		return &shownError{f.err()}
	}
	return f.err()
}

// findings returns the report on a document that was kept with its message, nil if it was not checked.
func findings(ctx context.Context, n *node.Node, m store.Message) (*validation.Report, error) {
	e, err := n.Store.Evidence(ctx, db.DefaultTenant, m.ID, store.EvidenceValidation)
	if errors.Is(err, db.ErrNotFound) {
		return nil, nil
	}
	r := &validation.Report{}
	if err == nil {
		err = json.Unmarshal(e.Bytes, r)
	}
	if err != nil {
		return nil, fault.New(fault.RecordUnreadable, err, "the report on %s", m.ID)
	}
	return r, nil
}

// sendLine is a line of the machine-readable output.
type sendLine struct {
	Event      string `json:"event"` // submitted or resumed, then finished
	ID         string `json:"id"`
	MessageID  string `json:"message_id"`
	InstanceID string `json:"instance_id"`
	Receiver   string `json:"receiver"`
	DocType    string `json:"document_type"`
	Process    string `json:"process"`
	State      string `json:"state"`
	Result     string `json:"result,omitempty"` // of what is finished: a word of many, such as "attention"

	Validation *validation.Report `json:"validation,omitempty"` // kept by validation.outgoing: report

	Endpoint string `json:"endpoint,omitempty"`    // of the access point that was tried, "" if it was not found
	Duration int64  `json:"duration_ms,omitempty"` // of the attempt, with the lookup
	OK       bool   `json:"ok"`
	Error    string `json:"error,omitempty"`
	Code     string `json:"code,omitempty"`
}

func newSendLine(event string, m store.Message) sendLine {
	return sendLine{
		Event: event, ID: m.ID, MessageID: m.MessageID, InstanceID: m.InstanceID, Receiver: m.Receiver,
		State: string(m.State), OK: true,
		DocType: m.DocTypeScheme + "::" + m.DocType, Process: m.ProcessScheme + "::" + m.Process,
	}
}

// outcome reads state and endpoint from the record after an attempt that began at a time.
func (l *sendLine) outcome(ctx context.Context, n *node.Node, begin time.Time) (fate, error) {
	m, err := n.Store.Get(ctx, db.DefaultTenant, l.ID)
	if err != nil {
		return fate{}, fault.New(fault.RecordUnreadable, err, "")
	}
	list, err := n.Store.Attempts(ctx, db.DefaultTenant, l.ID)
	if err != nil {
		return fate{}, fault.New(fault.RecordUnreadable, err, "")
	}
	l.State = string(m.State)
	for _, a := range list {
		if !a.Started.Before(begin.Truncate(time.Microsecond)) {
			l.Endpoint = a.Endpoint
		}
	}
	return fateOf(&m), nil
}

// checked is the report on the document as people read it, "" if it was not checked.
func (l *sendLine) checked() string {
	if l.Validation == nil {
		return ""
	}
	var b strings.Builder
	l.Validation.File = "checked"
	_ = l.Validation.WriteText(&b, fault.English) // a Builder takes everything
	return "\n" + strings.TrimRight(b.String(), "\n")
}

// check looks at what was given.
func (f *sendFlags) check(args []string) error {
	switch {
	case f.batch && (len(args) > 0 || f.resume != ""):
		return badArgs("with --batch everything comes from standard input")
	case f.resume != "" && (len(args) > 0 || f.many(nil)):
		return badArgs("--resume is about one message")
	case f.resume == "" && !f.batch && len(args) == 0:
		return badArgs("give a FILE, or --resume ID")
	case f.noWait && (f.wait != 0 || f.endpoint != ""):
		return badArgs("--no-wait goes with neither --wait nor --endpoint: who sends later looks the receiver up")
	case f.wait < 0:
		return badArgs("--wait: want a time like 60s")
	}
	return nil
}

func (f *sendFlags) peer() (as4.Peer, error) {
	if (f.endpoint == "") != (f.endpointCert == "") {
		return as4.Peer{}, badArgs("--endpoint and --endpoint-cert belong together")
	}
	if f.endpoint == "" {
		return as4.Peer{}, nil
	}
	text, err := os.ReadFile(f.endpointCert)
	if err != nil {
		return as4.Peer{}, fault.New(fault.BadArguments, err, "--endpoint-cert")
	}
	list, err := certs.ParsePEM(text)
	if err != nil {
		return as4.Peer{}, fault.New(fault.BadArguments, err, "--endpoint-cert")
	}
	return as4.Peer{URL: f.endpoint, Cert: list[0]}, nil
}

// submission converts the flags to a submission.
func (f *sendFlags) submission(file string) (ap.Submission, error) {
	s := ap.Submission{Country: f.country, MimeType: f.mimeType, Text: f.text, Conversation: f.conversation}
	if f.text && f.mimeType == "" {
		return s, badArgs("--text needs --mime-type")
	}
	s.Open = func() (io.ReadCloser, error) { return os.Open(file) }
	info, err := os.Stat(file)
	if err != nil {
		return s, fault.New(fault.BadArguments, err, "")
	}
	if !info.Mode().IsRegular() { // it is read more than once
		return s, badArgs("%s is not a file", file)
	}
	parse := func(flag, text string, set func() error) {
		if text == "" || err != nil {
			return
		}
		if perr := set(); perr != nil {
			err = fault.New(fault.BadArguments, perr, "--%s", flag)
		}
	}
	parse("from", f.from, func() (e error) { s.From, e = peppol.ParseParticipant(f.from); return })
	parse("to", f.to, func() (e error) { s.To, e = peppol.ParseParticipant(f.to); return })
	if err != nil {
		return s, err
	}
	if s.DocType, s.Process, err = typeFlags(f.docType, f.process); err != nil {
		return s, err
	}
	s.Content, err = f.content(file)
	return s, err
}

// content is the digest of a document and its addressing.
func (f *sendFlags) content(file string) ([]byte, error) {
	h := sha256.New()
	for _, part := range []string{f.from, f.to, f.docType, f.process, f.mimeType, strconv.FormatBool(f.text)} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	r, err := os.Open(file)
	if err != nil {
		return nil, fault.New(fault.BadArguments, err, "")
	}
	defer func() { _ = r.Close() }() // it was only read
	if _, err := io.Copy(h, r); err != nil {
		return nil, fault.New(fault.BadArguments, err, "")
	}
	return h.Sum(nil), nil
}
