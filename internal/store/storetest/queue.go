package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/store"
)

var queueTests = []test{
	{"what waits is found by what is known of it", testJobFilter},
	{"API-058 all that waits is found page by page", testQueuePages},
	{"OPS-009 news that were given up are told again, and nothing is sent", testRequeueNews},
	{"REL-100 what is kept back is not late", testBacklog},
	{"OPS-070 what was given up lately is found, however old it is", testGivenUpLately},
}

// ids are the messages of jobs.
func ids(jobs []store.Job) string {
	var list []string
	for _, j := range jobs {
		list = append(list, j.MessageID)
	}
	return strings.Join(list, " ")
}

// page returns jobs that must be read without an error.
func (b *bench) page(f store.JobFilter) []store.Job {
	b.Helper()
	jobs, err := b.Jobs(b.ctx, tenant, f)
	b.must(err)
	return jobs
}

// given makes an attempt of a new message, which ends as r says and is due in an hour.
func (b *bench) given(n int, r store.Result) store.Message {
	b.Helper()
	m := b.submitted(n)
	job := b.claimed(store.Send)
	_, k, err := b.StartAttempt(b.ctx, job, store.Start{Endpoint: "https://as4.example/as4", Lease: lease})
	b.must(err)
	r.Retry = b.clock.Now().Add(time.Hour)
	b.must(b.FinishAttempt(b.ctx, job, k, r))
	return m
}

func testJobFilter(b *bench) {
	waits := b.given(1, store.Result{State: store.RetryWait, Code: "RAVN-2204"})
	bare := b.given(2, store.Result{State: store.RetryWait})
	odd := b.given(3, store.Result{State: store.ReceiptInvalid})
	dead := b.given(4, store.Result{State: store.FailedPermanent, Code: "EBMS:0004", Detail: "no"})
	ready := b.submitted(5)
	b.must(b.Update(b.ctx, tenant, func(tx *store.Tx) error {
		return tx.Enqueue(store.Task{
			Kind: store.Notify, MessageID: waits.ID, Key: waits.ID + ".3", Due: b.clock.Now().Add(2 * time.Hour),
		})
	}))
	held := []store.State{store.RetryWait, store.Unknown}
	for name, tc := range map[string]struct {
		f    store.JobFilter
		want []string
	}{
		"open":             {store.JobFilter{}, []string{ready.ID, waits.ID, bare.ID, waits.ID}},
		"dead":             {store.JobFilter{Dead: true}, []string{dead.ID}},
		"ended":            {store.JobFilter{Ended: true}, []string{odd.ID}},
		"state":            {store.JobFilter{Kind: store.Send, States: held}, []string{waits.ID, bare.ID}},
		"host":             {store.JobFilter{Lane: "AS4.example"}, []string{ready.ID, waits.ID, bare.ID}}, // probably
		"no host":          {store.JobFilter{Lane: "as4"}, nil},
		"code":             {store.JobFilter{Code: "RAVN-2204"}, []string{waits.ID}},
		"code of a state":  {store.JobFilter{Code: "RAVN-2204", Uncoded: held}, []string{waits.ID, bare.ID}},
		"code of none":     {store.JobFilter{Code: "RAVN-2101", Uncoded: held[1:]}, nil},
		"code of news":     {store.JobFilter{Code: "RAVN-2204", Kind: store.Notify}, nil},
		"code of dead":     {store.JobFilter{Dead: true, Code: "EBMS:0004"}, []string{dead.ID}},
		"none of the dead": {store.JobFilter{Dead: true, Code: "RAVN-2204"}, nil},
		"no receiver":      {store.JobFilter{Receiver: "0192:1"}, nil},
		"kind":             {store.JobFilter{Kind: store.Deliver}, nil},
		"news":             {store.JobFilter{Kind: store.Notify}, []string{waits.ID}},
		"older":            {store.JobFilter{Before: ready.Created}, nil},
		"limit":            {store.JobFilter{Limit: 1}, []string{ready.ID}},
		"receiver": {
			store.JobFilter{Receiver: strings.ToUpper(ready.Receiver), Kind: store.Send},
			[]string{ready.ID, waits.ID, bare.ID},
		},
	} {
		want(b, name, ids(b.page(tc.f)), strings.Join(tc.want, " "))
	}
	b.must(b.Hold(b.ctx, tenant, waits.ID, "kari", "wait"))
	want(b, "held", ids(b.page(store.JobFilter{Held: true})), waits.ID)
}

// testQueuePages has rows that are due at the same time, and given up at the same time.
func testQueuePages(b *bench) {
	var open, dead []string
	for i := range 3 {
		dead = append(dead, b.given(i, store.Result{State: store.FailedPermanent, Code: "EBMS:0004"}).ID)
	}
	for i := range 5 {
		due := b.clock.Now().Add(time.Duration(i/3) * time.Minute)
		b.must(b.Update(b.ctx, tenant, func(tx *store.Tx) error {
			return tx.Enqueue(store.Task{Kind: store.Report, Key: fmt.Sprint(i), MessageID: fmt.Sprint(i), Due: due})
		}))
		open = append(open, fmt.Sprint(i))
	}
	slices.Sort(dead)
	for name, tc := range map[string]struct {
		f    store.JobFilter
		want []string
	}{
		"open": {store.JobFilter{Limit: 2}, open},
		"kind": {store.JobFilter{Kind: store.Report, Limit: 2}, open},
		"dead": {store.JobFilter{Kind: store.Send, Dead: true, Limit: 2}, dead},
	} {
		var got []string
		for f := tc.f; ; {
			jobs := b.page(f)
			if len(jobs) == 0 {
				break
			}
			got = append(got, ids(jobs))
			f.After = &jobs[len(jobs)-1]
		}
		want(b, name, strings.Join(got, " "), strings.Join(tc.want, " "))
	}
}

func testRequeueNews(b *bench) {
	b.TellC1(true)
	defer b.TellC1(false)
	m := b.submitted(1)
	b.try(m.ID, sealedAs("one"), store.Result{State: store.Sent, Outcome: "receipt", Evidence: receipt()})
	news := b.claimed(store.Notify)
	again := func() error { return b.RequeueNews(b.ctx, tenant, news.Key, "kari", "mended") }
	want(b, "what is being told", errors.Is(again(), db.ErrConflict), true)
	b.must(b.Bury(b.ctx, news, "it crashed"))
	want(b, "given up, of what was sent", ids(b.page(store.JobFilter{Dead: true})), m.ID)
	want(b, "of another tenant", errors.Is(b.RequeueNews(b.ctx, "other", news.Key, "kari", "mended"), db.ErrConflict),
		true)
	b.must(again())
	want(b, "twice", errors.Is(again(), db.ErrConflict), true)
	want(b, "told again", b.claimed(store.Notify).ID, news.ID)
	want(b, "sent again", len(b.claim(store.Send, 9)), 0)
	want(b, "state", b.state(m.ID), store.Sent)
	rows, err := b.Audits(b.ctx, tenant, time.Time{}, time.Time{}, 10)
	b.must(err)
	want(b, "audit", fmt.Sprintf("%d %s %s %s %s", len(rows), rows[0].Actor, rows[0].Action, rows[0].MessageID,
		rows[0].Detail), "1 kari requeued "+m.ID+" "+news.Key+": mended")
}

func testBacklog(b *bench) {
	backlog := func() store.Backlog {
		b.Helper()
		all, err := b.BacklogsOfAll(b.ctx)
		b.must(err)
		own, err := b.Backlogs(b.ctx, tenant)
		b.must(err)
		want(b, "of the one tenant", own[0], all[0])
		return all[0]
	}
	first := b.given(1, store.Result{State: store.RetryWait})
	begun := b.clock.Now()
	b.clock.advance(time.Minute)
	b.submitted(2)
	b.must(b.NotSent(b.ctx, b.claimed(store.Send), store.NotSent{
		Reason: "no SMP knows it", Retry: b.clock.Now().Add(time.Hour), Moving: b.clock.Now(),
	}))
	want(b, "one waits", backlog(), store.Backlog{Kind: store.Send, Open: 2, Waiting: 1, Oldest: begun})
	want(b, "its age", backlog().Age(b.clock.Now()), time.Minute)
	waits, err := b.Waiting(b.ctx, "as4.example", 9)
	b.must(err)
	want(b, "for its access point", waits, 1)

	b.must(b.Hold(b.ctx, tenant, first.ID, "kari", "asked to wait"))
	want(b, "none waits", backlog(), store.Backlog{Kind: store.Send, Open: 2})
	want(b, "no age", backlog().Age(b.clock.Now()), 0)
	waits, err = b.Waiting(b.ctx, "as4.example", 9)
	b.must(err)
	want(b, "for its access point, held", waits, 0)
}

func testGivenUpLately(b *bench) {
	failed := b.given(1, store.Result{State: store.FailedPermanent, Code: "EBMS:0004"})
	old := b.submitted(2)
	b.must(b.Hold(b.ctx, tenant, old.ID, "kari", "wait"))
	b.clock.advance(100 * 24 * time.Hour)
	want(b, "not lately", b.givenUp(store.FailedPermanent, time.Hour), "")
	b.must(b.Unhold(b.ctx, tenant, old.ID, "kari", "go on"))
	b.must(b.NotSent(b.ctx, b.claimed(store.Send), store.NotSent{GiveUp: true, Reason: "RAVN-2101: not registered"}))
	want(b, "lately", b.givenUp(store.FailedPermanent, time.Hour), old.ID+" RAVN-2101")
	want(b, "ever, the last one first", b.givenUp(store.FailedPermanent, 101*24*time.Hour),
		old.ID+" RAVN-2101, "+failed.ID+" EBMS:0004")
	want(b, "in another state", b.givenUp(store.Quarantined, 101*24*time.Hour), "")

	now := b.clock.Now()
	list, err := b.LatestIn(b.ctx, tenant, store.Out, store.FailedPermanent, now.Add(-101*24*time.Hour), now, 9)
	b.must(err)
	want(b, "changed lately", len(list) == 1 && list[0].ID == old.ID && list[0].Updated.Equal(now), true)
	b.must(b.Requeue(b.ctx, tenant, old.ID, "kari", "once more"))
	want(b, "on its way again", b.givenUp(store.FailedPermanent, time.Hour), "")
}

// givenUp names the messages whose sending was given up within a time.
func (b *bench) givenUp(state store.State, span time.Duration) string {
	b.Helper()
	list, err := b.GivenUp(b.ctx, tenant, store.Send, state, b.clock.Now().Add(-span), 9)
	b.must(err)
	var got []string
	for _, m := range list {
		got = append(got, m.ID+" "+m.Code)
	}
	return strings.Join(got, ", ")
}
