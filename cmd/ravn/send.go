package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strconv"
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
}

func (c *cli) send() *cobra.Command {
	var f sendFlags
	cmd := &cobra.Command{
		Use: "send --from ID --to ID FILE", Short: "Send a document, or a complete envelope, in one attempt",
		Long: "Send a business document (which is wrapped in an envelope) or a complete StandardBusinessDocument.\n" +
			"The message is recorded before anything is sent. If it is not clear whether it arrived,\n" +
			"ravn send --resume ID sends the same bytes again. Repeating the command does the same: a document\n" +
			"that is not finished is found by its content, and is not sent a second time without --again.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.runSend(cmd.Context(), &f, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.from, "from", "", "sender (C1), like 0192:991825827")
	fl.StringVar(&f.to, "to", "", "receiver (C4)")
	fl.StringVar(&f.docType, "doctype", "", "document type identifier (default: read from the document)")
	fl.StringVar(&f.process, "process", "", "process identifier (default: read from the document)")
	fl.StringVar(&f.country, "country", "", "country of the sender (COUNTRY_C1)")
	fl.StringVar(&f.mimeType, "mime-type", "", "send any file, wrapped as BinaryContent with this media type")
	fl.BoolVar(&f.text, "text", false, "with --mime-type: wrap as TextContent instead")
	fl.StringVar(&f.conversation, "conversation", "", "eb:ConversationId (default: a new one)")
	fl.StringVar(&f.endpoint, "endpoint", "", "URL of the receiving access point, instead of a lookup (local and test only)")
	fl.StringVar(&f.endpointCert, "endpoint-cert", "", "PEM file with its certificate")
	fl.StringVar(&f.resume, "resume", "", "send the stored bytes of this message again (id or MessageId)")
	fl.BoolVar(&f.again, "again", false, "send the document as a new message even if the record has the same one unfinished")
	return cmd
}

func (c *cli) runSend(ctx context.Context, f *sendFlags, args []string) error {
	if (f.resume == "") != (len(args) == 1) {
		return badArgs("give a FILE, or --resume ID")
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
	n, err := node.Open(ctx, cfg, node.Options{Log: zerolog.Nop(), Hook: failpoint(), Command: true})
	if err != nil {
		return err
	}
	defer func() { _ = n.Close() }() // what was committed is safe even if this fails
	if f.resume != "" {
		m, err := n.FindOutgoing(ctx, f.resume)
		if err != nil {
			return err
		}
		return c.resume(ctx, n, m, peer)
	}
	sub, err := f.submission(args[0])
	if err != nil {
		return err
	}
	m, found, err := n.Unfinished(ctx, sub.Content)
	if err != nil {
		return err
	}
	if found && !f.again {
		return c.resume(ctx, n, m, peer)
	}
	_, err = c.submit(ctx, n, sub, peer)
	return err
}

// submit records a submission and makes one attempt to send it.
func (c *cli) submit(ctx context.Context, n *node.Node, sub ap.Submission, peer as4.Peer) (store.Message, error) {
	m, job, err := n.Submit(ctx, sub)
	if err != nil {
		return m, err
	}
	return m, c.attempt(ctx, n, m, func() error { _, err := n.Attempt(ctx, m, job, peer); return err })
}

// resume sends the stored bytes again, unless the message already has its receipt.
func (c *cli) resume(ctx context.Context, n *node.Node, m store.Message, peer as4.Peer) (err error) {
	if m.State == store.Sent || m.State == store.Closed {
		return c.print(newSendLine("finished", m), "MessageId %s\nid        %s\n%s: it has its receipt since %s; nothing was sent now",
			m.MessageID, m.ID, m.State, m.Accepted.Format(time.RFC3339))
	}
	if peer.URL == "" && !m.Sealed.IsZero() && n.Outbound.Directory == nil {
		if peer, err = n.StoredPeer(m); err != nil {
			return err
		}
	}
	return c.attempt(ctx, n, m, func() error { _, err := n.Send(ctx, m, peer); return err })
}

// attempt prints the ids before it sends anything, so that they are known if it is interrupted, makes one attempt and
// prints the outcome.
func (c *cli) attempt(ctx context.Context, n *node.Node, m store.Message, send func() error) error {
	l := newSendLine("submitted", m)
	before := ""
	if !m.Sealed.IsZero() {
		l.Event, before = "resumed", fmt.Sprintf("\n%s since %s: the same bytes are sent again", m.State, m.Created.Format(time.RFC3339))
	}
	if err := c.print(l, "MessageId %s\nid        %s%s", m.MessageID, m.ID, before); err != nil {
		return err
	}
	sendErr := send()
	l.Event = "finished"
	if after, err := n.Store.Get(context.WithoutCancel(ctx), db.DefaultTenant, m.ID); err == nil {
		l.State = string(after.State)
	}
	if sendErr == nil {
		return c.print(l, "%s: the receipt is verified and stored", l.State)
	}
	l.OK, l.Error = false, sendErr.Error()
	if code, ok := faultCode(sendErr); ok {
		l.Code = string(code)
	}
	if c.json {
		if err := c.print(l, ""); err != nil {
			return err
		}
		return &shownError{sendErr}
	}
	fmt.Fprintf(c.out, "%s\n", l.State)
	return sendErr
}

// sendLine is a line of the machine-readable output.
type sendLine struct {
	Event     string `json:"event"` // submitted or resumed, then finished
	ID        string `json:"id"`
	MessageID string `json:"message_id"`
	State     string `json:"state"`
	OK        bool   `json:"ok"`
	Error     string `json:"error,omitempty"`
	Code      string `json:"code,omitempty"`
}

func newSendLine(event string, m store.Message) sendLine {
	return sendLine{Event: event, ID: m.ID, MessageID: m.MessageID, State: string(m.State), OK: true}
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
	if _, err := os.Stat(file); err != nil {
		return s, fault.New(fault.BadArguments, err, "")
	}
	var err error
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
	parse("doctype", f.docType, func() (e error) { s.DocType, e = peppol.ParseDocType(f.docType); return })
	parse("process", f.process, func() (e error) { s.Process, e = peppol.ParseProcess(f.process); return })
	if err != nil {
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
