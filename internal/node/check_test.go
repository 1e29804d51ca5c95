package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/config"
)

// keyBeside writes a further key of a seat into the folder of a configuration, and names it after the first one.
func keyBeside(t *testing.T, p *localca.PKI, file string, l localca.Leaf) *config.Config {
	t.Helper()
	id, err := p.AP.Issue(l, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := localca.EncodeKey(id.Key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"beside.pem": localca.EncodeCerts(id.Cert), "beside.key": key} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rewrite(t, file, "  key: key.pem\n", "  key: key.pem\n- cert: beside.pem\n  key: beside.key\n")
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// The seat of the first key of the configuration signs by default, however new the key of another seat is.
func TestSeatOfTheFirstKey(t *testing.T) {
	p, pkiDir := testPKI(t)
	cfg := keyBeside(t, p, nodeFile(t, pkiDir, "POP900001", ""),
		localca.Leaf{CN: "POP900002", NotBefore: time.Now().Add(-time.Hour)})
	n, err := Open(t.Context(), cfg, Options{Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	if n.Seat != "POP900001" {
		t.Errorf("%s signs", n.Seat)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

// A configuration whose server is running is in order, although its address is in use, by that server.
func TestCheckWhileTheServerRuns(t *testing.T) {
	_, pkiDir := testPKI(t)
	n := newNode(t, pkiDir, "POP900001")
	file := filepath.Join(n.Dir, "ravn.yaml")
	rewrite(t, file, "listen: 127.0.0.1:0", "listen: "+n.Addr())
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Check(t.Context(), cfg, CheckOptions{Now: time.Now(), Server: true, Connect: true}); err != nil {
		t.Error(err)
	}
	rewrite(t, file, "data: data", "data: elsewhere")
	if cfg, err = config.Load(file); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(t.Context(), cfg, CheckOptions{Now: time.Now(), Server: true}); err == nil ||
		!strings.Contains(err.Error(), "as4.listen (line ") {
		t.Errorf("the same address for another node: %v", err)
	}
}

// What ends soon is remarked, and no error.
func TestCheckRemarksWhatEndsSoon(t *testing.T) {
	p, pkiDir := testPKI(t)
	now := time.Now()
	soon := localca.Leaf{CN: "POP900002", NotBefore: now.Add(-100 * time.Hour), Valid: 200*time.Hour + time.Minute}
	cfg := keyBeside(t, p, nodeFile(t, pkiDir, "POP900001", ""), soon)
	remarks, err := Check(t.Context(), cfg, CheckOptions{Now: now, Server: true})
	if text := strings.Join(remarks, "\n"); err != nil ||
		!strings.Contains(text, ": the certificate of seat POP900002 is valid for 4 days more") {
		t.Errorf("%v: %s", err, text)
	}
}
