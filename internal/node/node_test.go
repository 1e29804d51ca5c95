package node

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/setup"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// testPKI is the private hierarchy of this process, and the folder it is saved in.
func testPKI(t testing.TB) (*localca.PKI, string) {
	t.Helper()
	p, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "pki")
	if err := p.Save(dir); err != nil {
		t.Fatal(err)
	}
	return p, dir
}

// tested is a node under test with its files and its log.
type tested struct {
	*Node
	Dir  string
	Log  *logged
	once sync.Once
	stop context.CancelFunc
	done chan error
}

// newNode makes a node as quickstart does, and runs it until the test ends.
func newNode(t testing.TB, pkiDir, seat string) *tested { return newNodeWith(t, pkiDir, seat, "") }

// newNodeWith is newNode with more configuration.
func newNodeWith(t testing.TB, pkiDir, seat, more string) *tested {
	t.Helper()
	return runNode(t, nodeFile(t, pkiDir, seat, more))
}

// nodeFile writes the files of a node and returns its configuration.
func nodeFile(t testing.TB, pkiDir, seat, more string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), seat)
	w, err := setup.Write(setup.Node{
		Dir: dir, Environment: certs.Local, Listen: "127.0.0.1:0", PKI: pkiDir, Seat: seat,
		Country: "NO",
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(w.Config)
	if err == nil {
		err = os.WriteFile(w.Config, append(text, more...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w.Config
}

func runNode(t testing.TB, file string) *tested {
	t.Helper()
	return runNodeWith(t, file, Options{Log: zerolog.New(nil).Level(zerolog.WarnLevel)})
}

// runNodeWith is runNode with options. The log goes to Log, from the level that it has in them.
func runNodeWith(t testing.TB, file string, opts Options) *tested {
	t.Helper()
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	opts.Log = opts.Log.Output(log)
	n, err := Open(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	tn := &tested{Node: n, Dir: filepath.Dir(file), Log: log, stop: stop, done: make(chan error, 1)}
	go func() { tn.done <- n.Serve(ctx) }()
	<-n.Begun()
	t.Cleanup(func() {
		tn.end(t)
		conserved(t, n)
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", n.Seat, log.text())
		}
	})
	return tn
}

// end stops the node, once.
func (n *tested) end(t testing.TB) {
	t.Helper()
	n.once.Do(func() {
		n.stop()
		if err := <-n.done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

// serve registers a participant at the node.
func (n *tested) serve(t testing.TB, participant, docType, process string) {
	t.Helper()
	p, err := peppol.ParseParticipant(participant)
	if err != nil {
		t.Fatal(err)
	}
	d, err := peppol.ParseDocType(docType)
	if err != nil {
		t.Fatal(err)
	}
	proc, err := peppol.ParseProcess(process)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Store.AddServed(t.Context(), db.DefaultTenant,
		store.Served{Participant: p, DocType: d, Process: proc}); err != nil {
		t.Fatal(err)
	}
}

var deliveredToC4 = []store.Standing{{Direction: store.In, State: store.Delivered}}

// inbox waits until n documents are delivered and returns their envelopes by MessageId.
func (n *tested) inbox(t testing.TB, want int) map[string][]byte {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		page, err := n.Store.List(t.Context(), db.DefaultTenant,
			store.Filter{Standings: deliveredToC4, Limit: want + 1})
		list := page.Found
		if err != nil {
			t.Fatal(err)
		}
		if len(list) >= want {
			out := map[string][]byte{}
			for _, m := range list {
				b, err := os.ReadFile(filepath.Join(n.Config.Path(n.Config.Deliver.Folder), m.ID, "document.xml"))
				if err != nil {
					t.Fatal(err)
				}
				out[m.MessageID] = b
			}
			return out
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d documents delivered, want %d", len(list), want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

const (
	billing = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:" +
		"2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	process = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
	c1, c4  = "0192:991825827", "0192:810418052"
)
