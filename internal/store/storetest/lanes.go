package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/store"
)

var laneTests = []test{
	{"REL-025 work is claimed lane by lane", testLanes},
	{"REL-025 work is claimed by tenant and class", testTurns},
	{"OPS-009 the end of a message and its news are one", testNews},
	{"REL-025 work that is given back to its lane was not begun", testRedirect},
	{"REL-025 a message waits where the last one to its receiver went", testProbableLane},
}

// laneNames claims what portions say of the lanes that have due work, and returns these and what was claimed.
func (b *bench) laneNames(portions ...store.Portion) (due string, jobs []store.Job) {
	b.Helper()
	var names []string
	jobs, err := b.ClaimLanes(b.ctx, store.Claim{Kind: store.Send, Owner: "worker-1", Lease: lease},
		func(lanes []store.Lane) []store.Portion {
			names = nil
			for _, l := range lanes {
				names = append(names, fmt.Sprintf("%q %s", l.Name, l.Due.Sub(b.clock.Now())))
			}
			return portions
		})
	b.must(err)
	slices.Sort(names)
	return strings.Join(names, ", "), jobs
}

func keys(jobs []store.Job) string {
	var out []string
	for _, j := range jobs {
		out = append(out, j.Key)
	}
	return strings.Join(out, " ")
}

func testLanes(b *bench) {
	now := b.clock.Now()
	b.must(b.Update(b.ctx, tenant, func(tx *store.Tx) error {
		return tx.Enqueue(
			store.Task{Kind: store.Send, Key: "a1", Lane: "a", Due: now.Add(-3 * time.Minute)},
			store.Task{Kind: store.Send, Key: "a2", Lane: "a", Due: now.Add(-2 * time.Minute)},
			store.Task{Kind: store.Send, Key: "b1", Lane: "b", Due: now.Add(-time.Minute)},
			store.Task{Kind: store.Send, Key: "n1", Due: now.Add(-time.Hour)},
			store.Task{Kind: store.Send, Key: "n2"},
			store.Task{Kind: store.Send, Key: "n3", Due: now.Add(-time.Second)},
			store.Task{Kind: store.Send, Key: "later", Lane: "c", Due: now.Add(time.Hour)},
			store.Task{Kind: store.Report, Key: "another kind", Lane: "d"},
		)
	}))
	of := func(lane string, limit int) store.Portion {
		return store.Portion{Lane: lane, Tenant: tenant, Class: store.Documents, Limit: limit}
	}
	newest := of("", 1)
	newest.Newest = true
	due, jobs := b.laneNames(of("a", 1), newest, of("", 1), of("c", 5))
	want(b, "lanes with due work", due, `"" -1h0m0s, "a" -3m0s, "b" -1m0s`)
	want(b, "claimed", keys(jobs), "n1 a1 n2")
	want(b, "held", fmt.Sprint(jobs[1].Lane, jobs[1].LeaseEnd.Sub(now), jobs[1].Unended), fmt.Sprint("a", lease, 0))
	due, jobs = b.laneNames(of("a", 9))
	want(b, "what others hold is no head", due, `"" -1s, "a" -2m0s, "b" -1m0s`)
	want(b, "claimed next", keys(jobs), "a2")
	b.clock.advance(lease)
	due, _ = b.laneNames()
	want(b, "after the leases", due, `"" -1h1m0s, "a" -4m0s, "b" -2m0s`)
}

func testTurns(b *bench) {
	now := b.clock.Now()
	for _, x := range []struct {
		tenant, lane string
		class        store.Class
		keys         []string
	}{
		{"other", "a", store.Documents, []string{"o1", "o2"}},
		{tenant, "a", store.Reports, []string{"r1"}},
		{tenant, "a", store.Batches, []string{"b1", "b2", "b3"}},
		{tenant, "a", 0, []string{"d1"}},
		{tenant, "", store.Statuses, []string{"s1"}},
	} {
		b.must(b.Update(b.ctx, x.tenant, func(tx *store.Tx) error {
			for i, key := range x.keys {
				if err := tx.Enqueue(store.Task{
					Kind: store.Send, Key: key, Lane: x.lane, Class: x.class,
					Due: now.Add(time.Duration(i-9) * time.Minute),
				}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	var heads []string
	jobs, err := b.ClaimLanes(b.ctx, store.Claim{Kind: store.Send, Owner: "worker-1", Lease: lease},
		func(lanes []store.Lane) []store.Portion {
			for _, l := range lanes {
				heads = append(heads, fmt.Sprintf("%q %s %d %s", l.Name, l.Tenant, l.Class, l.Due.Sub(now)))
			}
			return []store.Portion{
				{Lane: "a", Tenant: tenant, Class: store.Batches, Limit: 2},
				{Lane: "a", Tenant: "other", Class: store.Documents, Limit: 9},
				{Lane: "a", Tenant: "other", Class: store.Reports, Limit: 9},
			}
		})
	b.must(err)
	slices.Sort(heads)
	want(b, "heads", strings.Join(heads, ", "), fmt.Sprintf(`"" %[1]s 1 -9m0s, "a" %[1]s 2 -9m0s, "a" %[1]s 3 -9m0s, `+
		`"a" %[1]s 4 -9m0s, "a" other 2 -9m0s`, tenant))
	var got []string
	for _, j := range jobs {
		got = append(got, fmt.Sprintf("%s %s %d", j.Tenant, j.Key, j.Class))
	}
	slices.Sort(got)
	want(b, "claimed", strings.Join(got, ", "),
		strings.Join(sorted("other o1 2", "other o2 2", tenant+" b1 3", tenant+" b2 3"), ", "))
}

func sorted(list ...string) []string { slices.Sort(list); return list }

func testNews(b *bench) {
	news := func() string {
		jobs, err := b.Claim(b.ctx, store.Claim{Kind: store.Notify, Owner: "worker-1", Lease: lease, Limit: 9})
		b.must(err)
		return keys(jobs)
	}
	event := func(id string, to store.State) string {
		list, err := b.Timeline(b.ctx, tenant, id)
		b.must(err)
		for _, e := range slices.Backward(list) {
			if e.To == to {
				return fmt.Sprint(id, ".", e.Seq)
			}
		}
		return "none"
	}
	unheard := b.submitted(1)
	b.must(b.Cancel(b.ctx, tenant, unheard.ID, "kari", ""))
	want(b, "nobody is told", news(), "")
	b.TellC1(true)
	defer b.TellC1(false)
	cancelled := b.submitted(2)
	b.must(b.Cancel(b.ctx, tenant, cancelled.ID, "kari", ""))
	want(b, "cancelled", news(), event(cancelled.ID, store.Cancelled))
	m := b.submitted(3)
	b.try(m.ID, sealedAs("one"), store.Result{State: store.RetryWait, Outcome: "later", Retry: b.clock.Now()})
	want(b, "while it waits", news(), "")
	b.try(m.ID, store.Start{Endpoint: "https://as4.example/in"}, store.Result{
		State: store.FailedPermanent, Outcome: "refused",
	})
	want(b, "failed", news(), event(m.ID, store.FailedPermanent))
	sent := b.submitted(4)
	b.try(sent.ID, sealedAs("two"), store.Result{State: store.Sent, Outcome: "receipt", Evidence: receipt()})
	want(b, "sent", news(), event(sent.ID, store.Sent))
}

func testRedirect(b *bench) {
	m := b.submitted(1)
	_, jobs := b.laneNames(store.Portion{Tenant: tenant, Class: store.Documents, Limit: 1})
	b.must(b.Redirect(b.ctx, jobs[0], "as4.example"))
	want(b, "twice", b.Redirect(b.ctx, jobs[0], "elsewhere"), store.ErrLeaseLost)
	got, err := b.JobOf(b.ctx, tenant, store.Send, m.ID)
	b.must(err)
	want(b, "as if it had not been claimed",
		fmt.Sprint(got.Lane, got.Tries, got.Unended, got.LeaseEnd.IsZero(), got.Due),
		fmt.Sprint("as4.example", 0, 0, true, jobs[0].Due))
	due, _ := b.laneNames()
	want(b, "due there", due, `"as4.example" 0s`)
}

func testProbableLane(b *bench) {
	first := b.submitted(1)
	at := sealedAs("one")
	at.Endpoint = "https://AS4.example:8443/in?x=1"
	at.Sealed.Endpoint = at.Endpoint
	b.try(first.ID, at, store.Result{State: store.Sent, Outcome: "receipt", Evidence: receipt()})
	b.submitted(2)
	other := outbound(3)
	other.Message.Receiver = "0192:999999999"
	_, _, err := b.Submit(b.ctx, tenant, other)
	b.must(err)
	due, _ := b.laneNames()
	want(b, "lanes", due, `"" 0s, "as4.example:8443" 0s`)
}
