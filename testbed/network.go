// Package testbed is a complete private Peppol network on loopback addresses: certificate authorities, SML zone, SMP
// and two access points. Start runs one; the demo, localnet, the benchmark and whole-path tests do.
package testbed

import (
	"context"
	_ "embed"
	"errors"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/setup"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/testbed/sml"
	"github.com/ravn-ap/ravn/testbed/smp"
)

// Invoice is a synthetic EHF invoice from Sender to Receiver.
//
//go:embed invoice.xml
var Invoice []byte

// Identifiers of the demo's invoice.
const (
	Sender   = "0192:991825827"
	Receiver = "0192:810418052"
	DocType  = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice" +
		"##urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	Process = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
	zone    = "sml.ravn.test"
)

// AccessPoint is one of the two nodes.
type AccessPoint struct {
	*node.Node
	File string // its configuration
	stop context.CancelFunc
	done chan error
}

// Network is a running private network.
type Network struct {
	Dir  string
	PKI  *localca.PKI
	SML  *sml.Server
	SMP  *smp.Server
	A, B *AccessPoint // A serves Sender, B serves Receiver, both for the invoice
}

// Options say how a Network runs.
type Options struct {
	Dir     string // empty or new folder
	Log     zerolog.Logger
	Observe func(step, detail string) // of A's sending
}

// Start makes and starts a network. Its access points listen by TLS with a certificate of the network's own TLS CA.
func Start(ctx context.Context, o Options) (*Network, error) {
	n := &Network{Dir: o.Dir}
	if err := n.start(ctx, o); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Network) start(ctx context.Context, o Options) (err error) {
	now := time.Now()
	if n.PKI, err = localca.New(now); err != nil {
		return err
	}
	if err := n.saveCerts(now); err != nil {
		return err
	}
	if n.SML, err = sml.New(zone, "127.0.0.1:0"); err != nil {
		return err
	}
	if err := n.startSMP(now); err != nil {
		return err
	}
	if n.A, err = n.accessPoint(ctx, o, "POP900001", Sender); err != nil {
		return err
	}
	if n.B, err = n.accessPoint(ctx, o, "POP900002", Receiver); err != nil {
		return err
	}
	n.A.Outbound.Observe = o.Observe
	return nil
}

// path is a file in the network's folder.
func (n *Network) path(name string) string { return filepath.Join(n.Dir, name) }

// saveCerts writes the CAs and the TLS certificate that all servers share.
func (n *Network) saveCerts(now time.Time) error {
	if err := n.PKI.Save(n.path("pki")); err != nil {
		return err
	}
	id, err := n.PKI.TLS.Issue(localca.Leaf{CN: "127.0.0.1", DNS: []string{"127.0.0.1", "localhost"}}, now)
	if err != nil {
		return err
	}
	key, err := localca.EncodeKey(id.Key)
	if err != nil {
		return err
	}
	return errors.Join(
		n.write("tls.pem", localca.EncodeCerts(id.Cert)),
		n.write("tls.key", key),
		n.write("tls-ca.pem", localca.EncodeCerts(n.PKI.TLS.Cert)),
		n.write("ap-ca.pem", localca.EncodeCerts(n.PKI.AP.Cert, n.PKI.Root.Cert)),
		n.write("smp-ca.pem", localca.EncodeCerts(n.PKI.SMP.Cert, n.PKI.Root.Cert)),
	)
}

func (n *Network) write(name string, b []byte) error {
	return durable.WriteFile(n.path(name), 0o600, durable.Bytes(b))
}

func (n *Network) startSMP(now time.Time) error {
	signer, err := n.PKI.SMP.Issue(localca.Leaf{CN: "POP900003", Unit: "PEPPOL TEST SMP"}, now)
	if err != nil {
		return err
	}
	tls, err := certs.LoadTLS(n.path("tls.pem"), n.path("tls.key"))
	if err != nil {
		return err
	}
	n.SMP, err = smp.New(smp.Options{Signer: signer, TLS: tls})
	return err
}

// accessPoint makes, starts and registers a node that serves one participant.
func (n *Network) accessPoint(ctx context.Context, o Options, seat, participant string) (*AccessPoint, error) {
	w, err := setup.Write(setup.Node{
		Dir: n.path(seat), Environment: certs.Local, Listen: "127.0.0.1:0", Host: "localhost", Country: "NO",
		Seat: seat, PKI: n.path("pki"),
		APAnchors: n.path("ap-ca.pem"), SMPAnchors: n.path("smp-ca.pem"), TLSRoots: n.path("tls-ca.pem"),
		TLSCert: n.path("tls.pem"), TLSKey: n.path("tls.key"), Zone: zone, Resolver: n.SML.Addr(),
		Outgoing: string(ap.CheckReject), Incoming: string(ap.CheckReport),
	})
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(w.Config)
	if err != nil {
		return nil, err
	}
	nd, err := node.Open(ctx, cfg, node.Options{Log: o.Log.With().Str("ap", seat).Logger()})
	if err != nil {
		return nil, err
	}
	point := &AccessPoint{Node: nd, File: w.Config, done: make(chan error, 1)}
	if err := nd.Listen(); err != nil {
		return nil, errors.Join(err, nd.Close())
	}
	if err := n.register(ctx, point, participant); err != nil {
		return nil, errors.Join(err, nd.Close())
	}
	// The node runs until Close, whatever becomes of the context of the start.
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	point.stop = stop
	go func() { point.done <- nd.Serve(run) }()
	return point, nil
}

// register enters a participant in the node's table, the SMP and the SML.
func (n *Network) register(ctx context.Context, at *AccessPoint, participant string) error {
	p, err := peppol.ParseParticipant(participant)
	if err != nil {
		return err
	}
	d, err := peppol.ParseDocType(DocType)
	if err != nil {
		return err
	}
	proc, err := peppol.ParseProcess(Process)
	if err != nil {
		return err
	}
	id, err := at.Keys.Current(at.Seat, time.Now())
	if err != nil {
		return err
	}
	n.SMP.Register(smp.Service{Participant: p, DocType: d, Process: proc, URL: at.URL(), Cert: id.Cert})
	n.SML.Register(p, n.SMP.URL())
	return at.Store.AddServed(ctx, db.DefaultTenant, store.Served{
		Participant: p, DocType: d, Process: proc, Domain: "eProcurement",
	})
}

// Close stops everything. The folder stays.
func (n *Network) Close() error {
	var errs []error
	for _, point := range []*AccessPoint{n.A, n.B} {
		if point != nil {
			point.stop()
			errs = append(errs, <-point.done, point.Close())
		}
	}
	if n.SMP != nil {
		errs = append(errs, n.SMP.Close())
	}
	if n.SML != nil {
		errs = append(errs, n.SML.Close())
	}
	return errors.Join(errs...)
}
