package node

import (
	"fmt"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/internal/config"
)

// The bounds of the intake are those of the configuration.
func TestGateFollowsTheConfiguration(t *testing.T) {
	_, dir := testPKI(t)
	for _, tc := range []struct {
		as4         string
		all, source intake.Limits
	}{
		{
			"  connections: 50\n  connections_per_source: 5\n  spool_bytes: 1000000000\n" +
				"  trusted_proxies: [10.0.0.0/8]\n",
			intake.Limits{Connections: 50, Files: 50, Spool: 1_000_000_000},
			intake.Limits{Connections: 5, Files: 5, Spool: 250_000_000},
		},
		{ // a source may spool two of the largest messages
			"  spool_bytes: 4294967296\n  max_bytes: 2147483648\n",
			intake.Limits{Connections: 256, Files: 256, Spool: 4 << 30},
			intake.Limits{Connections: 32, Files: 32, Spool: 4 << 30},
		},
	} {
		n := talkative(t, dir, "POP900002", tc.as4, nil)
		if g := n.gate; g.All != tc.all || g.Source != tc.source || len(g.Proxies) != len(n.Config.AS4.Proxies) ||
			g.Closed == nil {
			t.Errorf("%s: all %+v, source %+v, proxies %v", tc.as4, g.All, g.Source, g.Proxies)
		}
		if rx := n.Receiver(); rx.Intake != n.gate || rx.InFlight != n.Config.AS4.InFlight ||
			rx.MaxBytes != n.Config.AS4.MaxBytes || rx.MaxExpanded != n.Config.AS4.MaxSize {
			t.Errorf("%s: %+v", tc.as4, rx)
		}
	}
}

// Without a configured size the spool takes what some large messages need, and never more than a quarter of what is
// free, but room for one message.
func TestSpoolRoom(t *testing.T) {
	// one that runs reads its configuration
	n := &Node{lasting: &lasting{spool: t.TempDir()}, Config: &config.Config{}, opts: Options{DiskSpace: statfs}}
	free, _, err := statfs(n.spool)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{1 << 20, 100 << 20, 2 << 30} {
		n.Config.AS4.MaxBytes = size
		room := n.spoolRoom()
		if most := max(int64(free/4)+1<<30, size); room < size || room > max(4<<30, 4*size) || room > most {
			t.Errorf("%d for messages of %d, %d are free", room, size, free)
		}
	}
	n.spool = "/nowhere" // cannot be asked
	n.Config.AS4.MaxBytes = 2 << 30
	if room := n.spoolRoom(); room != 8<<30 {
		t.Errorf("%d where nothing is known", room)
	}
}

// A limit of open files that is too low lowers the number of connections, and says so.
func TestConnectionsFitTheOpenFiles(t *testing.T) {
	log := &logged{}
	n := &Node{opts: Options{Log: zerolog.New(log)}}
	for _, tc := range []struct {
		files uint64
		want  int
		told  bool
	}{{1024, 256, false}, {896, 256, false}, {895, 255, true}, {256, 42, true}, {10, 1, true}, {1 << 63, 256, false}} {
		log.buf.Reset()
		if got := n.fit(256, tc.files); got != tc.want || (len(log.lines(t, "")) == 1) != tc.told {
			t.Errorf("%d open files: %d connections, log %s", tc.files, got, log.text())
		}
		if l := log.lines(t, ""); tc.told && (l[0]["level"] != "error" ||
			fmt.Sprint(l[0]["connections"]) != fmt.Sprint(tc.want)) {
			t.Errorf("%v", l)
		}
	}
}
