package accounts

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/ledger"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
)

// TestBenchAccounts measures a month of many rows (make bench-reports ROWS=10000000): 400 service providers, 30
// document types, 20,000 end users, evenly mixed, which is the worst case for counts kept beside the rows. Each part
// runs in a process of its own.
func TestBenchAccounts(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("RAVN_BENCH_REPORTS"))
	if err != nil {
		t.Skip("a measurement: make bench-reports runs it")
	}
	if part := os.Getenv("RAVN_BENCH_PART"); part != "" {
		benchPart(t, part, os.Getenv("RAVN_BENCH_FILE"))
		return
	}
	file := filepath.Join(t.TempDir(), "ravn.db")
	start := time.Now()
	fill(t, file, n)
	t.Logf("%d rows written in %.0f s", n, time.Since(start).Seconds())
	took := map[string]float64{}
	for _, part := range []string{"scan", "rebuild", "fold", "preview", "verify"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestBenchAccounts$", "-test.v", "-test.timeout", "30m")
		cmd.Env = append(os.Environ(), "RAVN_BENCH_PART="+part, "RAVN_BENCH_FILE="+file)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", part, err, out)
		}
		var seconds, kib, peak float64
		for line := range strings.Lines(string(out)) {
			if _, err := fmt.Sscanf(line, "seconds=%f", &seconds); err == nil {
				took[part] = seconds
			}
			if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kib); err == nil {
				peak = kib / 1024
			}
		}
		t.Logf("%-8s %7.2f s, %.0f MiB at most", part, took[part], peak)
	}
	t.Logf("rebuild_ratio=%.2f", took["rebuild"]/took["scan"])
}

// benchPart does one part and writes how long it took.
func benchPart(t *testing.T, part, file string) {
	s, err := store.Open(sqlite.Open(t.Context(), file, db.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	a := &Accounts{
		Ledger: s.Ledger, Tenant: db.DefaultTenant, Seats: []peppol.SeatID{own}, Country: "NO",
		Now: time.Now,
	}
	ctx := t.Context()
	start := time.Now()
	switch part {
	case "scan":
		rows := 0
		for _, rerr := range s.Ledger.Entries(ctx, a.Tenant, october) {
			if err = rerr; err != nil {
				break
			}
			rows++
		}
		if rows == 0 {
			t.Error("no rows")
		}
	case "rebuild":
		var reg *Registry
		if reg, err = a.Registry(ctx, Latest); err == nil {
			w := a.worker(ctx, reg)
			_, err = w.pairs(october, w.rows(october), true)
		}
	case "fold":
		err = a.UpdateTotals(ctx)
	case "preview":
		_, err = a.Preview(ctx, october)
	case "verify":
		var v *Verified
		if v, err = a.Verify(ctx, october); err == nil && len(v.Wrong) > 0 {
			t.Error(v.Wrong)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("seconds=%.3f\n", time.Since(start).Seconds())
	status, err := os.ReadFile("/proc/self/status") // the most memory that this process had
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(string(status))
}

const (
	providers, types, endUsers = 400, 30, 20_000
	batchRows                  = 1000
)

// fill makes a record whose ledger has n rows of October.
func fill(t *testing.T, file string, n int) {
	s, err := store.Open(sqlite.Open(t.Context(), file, db.Options{}))
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+file+
		"?_pragma=synchronous(OFF)&_pragma=journal_mode(WAL)&_pragma=cache_size(-200000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	do := func(query string, args ...any) {
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatal(err)
		}
	}
	do("BEGIN")
	next := 0
	term := func(kind ledger.TermKind, scheme, value string) int {
		next++
		do("INSERT INTO term (id, tenant, kind, scheme, value) VALUES (?, 'default', ?, ?, ?)", next, int(kind), scheme,
			value)
		return next
	}
	list := func(count int, make func(i int) int) []int {
		out := []int{}
		for i := range count {
			out = append(out, make(i))
		}
		return out
	}
	us := term(ledger.TermSeat, "", own)
	seats := list(providers, func(i int) int { return term(ledger.TermSeat, "", fmt.Sprintf("PNO%06d", i+1000)) })
	docs := list(types, func(i int) int {
		return term(ledger.TermDocType, peppol.SchemeBusdox,
			fmt.Sprintf("%s%d", inv, i))
	})
	procs := list(types, func(i int) int {
		return term(ledger.TermProcess, peppol.SchemeProcess, fmt.Sprintf("%s%d", processes[inv], i))
	})
	users := list(endUsers, func(i int) int { return term(ledger.TermParticipant, "", fmt.Sprintf("0192:%09d", i)) })
	countries := list(10, func(i int) int {
		return term(ledger.TermCountry, "", []string{"NO", "SE", "DK", "FI", "DE", "NL", "BE", "FR", "IT", "PL"}[i])
	})
	transport, domain := term(ledger.TermTransport, "", peppol.TransportAS4),
		term(ledger.TermDomain, "", "eProcurement")
	do("INSERT INTO ledger_state (tenant, seq, closed, events, folded) VALUES ('default', ?, 0, 0, 0)", n)
	do("INSERT INTO ledger_month (tenant, month, first, last, row_count, late, closed, actor) VALUES ('default', "+
		"202610, 1, ?, ?, 0, 0, '')", n, n)
	insert := "INSERT INTO ledger (tenant, seq, month, direction, c2, message_id, at, c3, doctype, process, " +
		"transport, country_c1, sender, receiver, domain) VALUES " +
		strings.TrimSuffix(strings.Repeat("('default', ?, 202610, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?), ", batchRows),
			", ")
	st, err := db.Prepare(insert)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	from, _ := october.Bounds()
	step := 31 * 24 * time.Hour / time.Duration(n+1)
	args := make([]any, 0, batchRows*13)
	for seq := 1; seq <= n; seq++ {
		peer, user, doc := rnd.IntN(providers), users[rnd.IntN(endUsers)], rnd.IntN(types)
		direction, c2, c3, sender, receiver, country := 1, seats[peer], us, users[rnd.IntN(endUsers)], user,
			countries[peer%10]
		if rnd.IntN(2) == 0 {
			direction, c2, c3, sender, receiver, country = 2, us, seats[peer], user, users[rnd.IntN(endUsers)],
				countries[0]
		}
		args = append(args, seq, direction, c2,
			fmt.Sprintf("%08x-%06d@ap.example", seq*2654435761&0xffffffff, seq%1000000),
			from.Add(step*time.Duration(seq)).UnixMicro(),
			c3, docs[doc], procs[doc], transport, country, sender, receiver, domain)
		if len(args) == cap(args) {
			if _, err := st.Exec(args...); err != nil {
				t.Fatal(err)
			}
			args = args[:0]
		}
	}
	if len(args) > 0 {
		t.Fatalf("the number of rows is not a multiple of %d", batchRows)
	}
	do("COMMIT")
}
