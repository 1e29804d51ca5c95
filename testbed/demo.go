package testbed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// DemoResult is the outcome of a demo.
type DemoResult struct {
	OK              bool    `json:"ok"`
	MessageID       string  `json:"message_id"`
	ReceiptVerified bool    `json:"receipt_verified"`
	Delivered       string  `json:"delivered"` // folder with the document, as the receiver's system finds it
	Evidence        string  `json:"evidence"`  // folder with the evidence
	Seconds         float64 `json:"seconds"`
}

// Step is one step of a demo in plain words.
type Step struct {
	Step string `json:"step"`
	Text string `json:"text"`
}

// Demo sends the invoice through a network in dir, from C1 to C4, and tells each step.
func Demo(ctx context.Context, o Options, tell func(Step)) (*DemoResult, error) {
	start := time.Now()
	d := &demo{tell: tell}
	o.Observe = d.observe
	tell(Step{"network", "making a private Peppol network: certificate authorities, SML zone, SMP, two access points"})
	n, err := Start(ctx, o)
	if err != nil {
		return nil, err
	}
	res, err := d.run(ctx, n)
	if cerr := n.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	res.OK, res.Seconds = true, time.Since(start).Seconds()
	return res, nil
}

type demo struct {
	tell func(Step)
	n    *Network
}

// observe puts the steps of sending into plain words.
func (d *demo) observe(step, detail string) {
	text := map[string]string{
		ap.StepChecked: "checked against the rules of its type: " + detail,
		ap.StepLookup: "lookup: the SML zone names the receiver's SMP, its signed metadata are verified (" +
			detail + ")",
		ap.StepCertificate: "certificate: the receiver's access point certificate is checked up to its CA (" +
			detail + ")",
		ap.StepSealed: "sealed: compressed, signed with the sender's key, encrypted for the receiver's certificate, " +
			"and stored",
		ap.StepSend:    "sent to " + detail,
		ap.StepReceipt: "receipt: signed by the receiver (" + detail + "), its digests are the ones that were sent",
	}[step]
	d.tell(Step{step, text})
}

func (d *demo) run(ctx context.Context, n *Network) (*DemoResult, error) {
	d.n = n
	from, err := peppol.ParseParticipant(Sender)
	if err != nil {
		return nil, err
	}
	to, err := peppol.ParseParticipant(Receiver)
	if err != nil {
		return nil, err
	}
	m, job, err := n.A.Submit(ctx, ap.Submission{From: from, To: to, Open: ap.Bytes(Invoice)})
	if err != nil {
		return nil, err
	}
	d.tell(Step{"submitted", fmt.Sprintf("submitted: an EHF invoice from %s to %s, recorded as MessageId %s",
		Sender, Receiver, m.MessageID)})
	ev, err := n.A.Attempt(ctx, m, job, as4.Peer{})
	if err != nil {
		return nil, err
	}
	delivered, err := d.delivered(ctx, m)
	if err != nil {
		return nil, err
	}
	evidence := filepath.Join(n.Dir, "evidence")
	if _, err := n.A.Desk.Evidence(ctx, m.ID, evidence, "demo"); err != nil {
		return nil, err
	}
	d.tell(Step{"evidence", "evidence: request, answer, receipt, envelope, document and certificates are in " +
		evidence})
	if err := d.preview(ctx, "sender", n.A); err != nil {
		return nil, err
	}
	if err := d.preview(ctx, "receiver", n.B); err != nil {
		return nil, err
	}
	seat, err := certs.Seat(ev.Signer)
	if err != nil {
		return nil, err
	}
	return &DemoResult{
		MessageID: m.MessageID, ReceiptVerified: seat == n.B.Seat, Delivered: delivered, Evidence: evidence,
	}, nil
}

// preview shows what an access point's month comes to.
func (d *demo) preview(ctx context.Context, who string, at *AccessPoint) error {
	a, err := node.Accounts(at.Config, at.Store, nil, "")
	if err != nil {
		return err
	}
	month := peppol.MonthOf(time.Now())
	pairs, err := a.Preview(ctx, month)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		total, users := p.Report.TSR.Total, p.Report.EUSR.FullSet
		d.tell(Step{"preview", fmt.Sprintf("report of %s, %s %s so far: %d sent, %d received, %d end users",
			month, who, p.Seat, total.Outgoing, total.Incoming, users.Either)})
	}
	return nil
}

// delivered waits until C4 has the document and compares it with what was sent.
func (d *demo) delivered(ctx context.Context, m store.Message) (string, error) {
	wait, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		list, err := d.n.B.Store.ByMessageID(wait, db.DefaultTenant, store.In, m.MessageID)
		if err != nil {
			return "", err
		}
		if len(list) == 1 && list[0].State == store.Delivered {
			dir := filepath.Join(d.n.B.Config.Path(d.n.B.Config.Deliver.Folder), list[0].ID)
			if list[0].Payload.SHA256 != m.Payload.SHA256 {
				return "", fmt.Errorf("testbed: what was delivered is not what was sent")
			}
			if _, err := os.Stat(filepath.Join(dir, "metadata.json")); err != nil {
				return "", err
			}
			d.tell(Step{"delivered", "delivered: envelope and metadata.json are in " + dir})
			return dir, nil
		}
		select {
		case <-wait.Done():
			return "", fmt.Errorf("testbed: the document was accepted but not delivered in time")
		case <-time.After(5 * time.Millisecond):
		}
	}
}
