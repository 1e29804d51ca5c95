package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/config"
)

// PKI-027: the end of a certificate is logged 90, 60, 30, 14 and 7 days before, then daily, and once when it is over;
// not twice for one step; and not at all while the seat has a key that follows.
func TestPKI027Expiry(t *testing.T) {
	p, pkiDir := testPKI(t)
	now := time.Now()
	const day = 24 * time.Hour
	next, err := p.AP.Issue(localca.Leaf{CN: "POP900002", NotBefore: now.Add(600 * day), Valid: 3650 * day}, now)
	if err != nil {
		t.Fatal(err)
	}
	key, err := localca.EncodeKey(next.Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		more string // keys
		want string // days left of the lines about our key
	}{
		{"", "[90 60 30 14 7 6 5 4 3 2 1 0 -1]"},
		{"- cert: next.pem\n  key: next.key\n", "[]"},
	} {
		file := nodeFile(t, pkiDir, "POP900002", "")
		dir := filepath.Dir(file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		with := strings.Replace(string(text), "  key: key.pem\n", "  key: key.pem\n"+tc.more, 1)
		for name, b := range map[string][]byte{
			"ravn.yaml": []byte(with), "next.pem": localca.EncodeCerts(next.Cert),
			"next.key": key,
		} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cfg, err := config.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		log := &logged{}
		n, err := Open(t.Context(), cfg, Options{Log: zerolog.New(log)})
		if err != nil {
			t.Fatal(err)
		}
		end := n.Keys.Identities()[len(n.Keys.Identities())-1].Cert.NotAfter
		told := map[string]int{}
		for hours := -100 * 24; hours <= 48; hours += 6 {
			n.tellExpiry(told, end.Add(time.Duration(hours)*time.Hour+time.Minute))
		}
		var days []int
		for _, l := range log.lines(t, "") {
			if l["alarm"] != "certificate_expires" || l["use"] != "certificate of our key" {
				continue
			}
			left, _ := l["days"].(float64)
			if strings.Contains(fmt.Sprint(l["message"]), "expired") {
				left = -1
			}
			if l["level"] != map[bool]string{true: "warn", false: "error"}[left > 7] {
				t.Errorf("%v", l)
			}
			days = append(days, int(left))
		}
		if got := fmt.Sprint(days); got != tc.want {
			t.Errorf("lines at %s days, want %s", got, tc.want)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	if !slices.IsSortedFunc(warnDays[:], func(a, b int) int { return b - a }) {
		t.Error("warnDays is not in order")
	}
}
