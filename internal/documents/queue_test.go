package documents_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// work is what a query finds, and whether the limit left more.
func (o *office) work(q documents.WorkQuery) (list []documents.Work, more bool) {
	o.Helper()
	more, err := o.Queue(o.Context(), q, func(w documents.Work) error {
		list = append(list, w)
		return nil
	})
	o.must(err)
	return list, more
}

// names are those of work.
func names(list []documents.Work) string {
	var all []string
	for _, w := range list {
		all = append(all, w.Name())
	}
	return strings.Join(all, " ")
}

// API-058: the whole queue is found, however many pages it has, and a limit that leaves something out says so.
func TestAPI058TheWholeQueue(t *testing.T) {
	o := newOffice(t)
	const rows = 1203 // of each: more than two pages
	var want []string
	o.must(o.Store.Update(t.Context(), tenant, func(tx *store.Tx) error {
		var tasks []store.Task
		for i := range rows {
			id := fmt.Sprintf("%04d", i)
			tasks = append(tasks, store.Task{Kind: store.Send, MessageID: id, Due: o.now},
				store.Task{Kind: store.MLS, MessageID: id, Due: o.now.Add(-time.Hour)})
			want = append(want, id)
		}
		return tx.Enqueue(tasks...)
	}))
	list, more := o.work(documents.WorkQuery{})
	if got := strings.Fields(names(list)); more || !slices.Equal(got, append(slices.Clone(want), want...)) {
		t.Errorf("more %v; %d rows", more, len(got))
	}
	for _, tc := range []struct {
		limit int
		more  bool
	}{{1, true}, {rows, true}, {rows + 1, true}, {2*rows - 1, true}, {2 * rows, false}, {2*rows + 1, false}} {
		list, more := o.work(documents.WorkQuery{Limit: tc.limit})
		if len(list) != min(tc.limit, 2*rows) || more != tc.more {
			t.Errorf("limit %d: %d rows, more %v", tc.limit, len(list), more)
		}
	}
	stop := errors.New("enough")
	n := 0
	if _, err := o.Queue(t.Context(), documents.WorkQuery{}, func(documents.Work) error {
		if n++; n == 700 {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) || n != 700 {
		t.Errorf("%v after %d", err, n)
	}
}

// OPS-009: news that were given up are seen, told again by a decision about them, and carry nothing of their document.
func TestOPS009NewsInTheQueue(t *testing.T) {
	o := newOffice(t)
	o.Store.TellC1(true)
	m := o.submitted("1")
	o.tried(m, store.Result{State: store.FailedPermanent, Outcome: "refused", Code: "EBMS:0004", Detail: "no"})
	list, _ := o.work(documents.WorkQuery{Kind: "notify"})
	if len(list) != 1 || list[0].GivenUp || len(list[0].Actions) > 0 {
		t.Fatalf("news that wait: %+v", list)
	}
	news := list[0]
	if !strings.HasPrefix(news.Event, m.ID+store.EventMark) || news.ID != m.ID || news.State != store.FailedPermanent ||
		news.Code != "" || news.Blame != "" {
		t.Errorf("news that wait: %+v", news)
	}
	if got := o.PossibleNews(t.Context(), documents.Retry, news.Event); got.OK || got.Reason == "" {
		t.Errorf("retry of news that wait: %+v", got)
	}
	if got := o.DoNews(t.Context(), documents.Retry, news.Event, "kari", "mended"); got.OK || got.Reason == "" {
		t.Errorf("retry of news that wait: %+v", got)
	}
	jobs, err := o.Store.Claim(t.Context(), store.Claim{Kind: store.Notify, Owner: "w", Lease: time.Minute, Limit: 9})
	o.must(err)
	o.must(o.Store.Bury(t.Context(), jobs[0], "it crashed"))

	list, _ = o.work(documents.WorkQuery{GivenUp: true})
	if got := names(list); got != m.ID+" "+news.Event {
		t.Fatalf("given up: %s", got)
	}
	if news = list[1]; !slices.Equal(news.Actions, []documents.Action{documents.Retry}) || !news.GivenUp ||
		news.Reason != "it crashed" {
		t.Errorf("given up: %+v", news)
	}
	if list, _ = o.work(documents.WorkQuery{Code: "EBMS:0004"}); names(list) != m.ID {
		t.Errorf("with the code of the document: %s", names(list))
	}
	for action, ok := range map[documents.Action]bool{documents.Retry: true, documents.Discard: false} {
		if got := o.PossibleNews(t.Context(), action, news.Event); got.OK != ok || (got.Reason == "") != ok {
			t.Errorf("possible: %+v", got)
		}
		got := o.DoNews(t.Context(), action, news.Event, "kari", "mended")
		if got.OK != ok || (got.Reason == "") != ok {
			t.Errorf("done: %+v", got)
		}
	}
	if list, _ = o.work(documents.WorkQuery{}); names(list) != m.ID+" "+news.Event || !list[0].GivenUp ||
		list[1].GivenUp || !list[1].Due.Equal(o.now) {
		t.Errorf("told again: %+v", list)
	}
	for name, want := range map[string]bool{news.Event: true, m.ID: false, m.ID + ".99": false} {
		if is, err := o.IsNews(t.Context(), name); err != nil || is != want {
			t.Errorf("%s: %v %v", name, is, err)
		}
	}
}

// API-058: work is found by the code that is shown of it, also where the record has none; what there is not is refused
// with what there is.
func TestAPI058QueueFilters(t *testing.T) {
	o := newOffice(t)
	bare, coded := o.submitted("1"), o.submitted("2")
	o.tried(bare, store.Result{State: store.RetryWait, Outcome: "later", Detail: "503", Retry: o.now})
	o.tried(coded, store.Result{State: store.RetryWait, Outcome: "later", Code: "EBMS:9999", Retry: o.now})
	lost := o.submitted("3")
	o.tried(lost, store.Result{State: store.ReceiptInvalid, Outcome: "bad-receipt"})
	all, _ := o.work(documents.WorkQuery{})
	if names(all) != strings.Join([]string{lost.ID, bare.ID, coded.ID}, " ") {
		t.Fatalf("all: %s", names(all))
	}
	for _, w := range all {
		for _, code := range []string{string(w.Code), strings.ToLower(string(w.Code))} {
			if got, _ := o.work(documents.WorkQuery{Code: code}); len(got) != 1 || got[0].ID != w.ID {
				t.Errorf("%s is shown as %s, found by it: %s", w.ID, w.Code, names(got))
			}
		}
	}
	if got, _ := o.work(documents.WorkQuery{Code: string(fault.PeerRefused)}); len(got) > 0 {
		t.Errorf("a code of none: %s", names(got))
	}
	for says, q := range map[string]documents.WorkQuery{
		`no kind "sned": want send, deliver, notify, mls, report`: {Kind: "sned"},
		`no state "WAITS": want SUBMITTED, READY`:                 {States: "WAITS"},
		`no code "RAVN-9999": want EBMS: with four digits, RAVN-`: {Code: "RAVN-9999"},
		`no code "2205"`:    {Code: "2205"},
		`no code "EBMS:4"`:  {Code: "EBMS:4"},
		"limit: want 1":     {Limit: -1},
		"receiver":          {Receiver: "0192"},
		"NUL":               {Host: "a\x00"},
		`no code "a\x00"`:   {Code: "a\x00"},
		`no kind "send\x00`: {Kind: "send\x00"},
	} {
		_, err := o.Queue(t.Context(), q, func(documents.Work) error { return nil })
		if code(err) != fault.BadArguments || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// API-058: what would be done is what is done: an attempt that may have arrived, or somebody who holds it, is in the
// way of both.
func TestAPI058PossibleIsWhatIsDone(t *testing.T) {
	o := newOffice(t)
	unclear, held := o.submitted("1"), o.submitted("2")
	o.tried(unclear, store.Result{State: store.Unknown, Outcome: "unknown", Retry: o.now})
	o.tried(unclear, store.Result{State: store.ReceiptInvalid, Outcome: "bad-receipt"})
	o.must(o.Store.Requeue(t.Context(), tenant, unclear.ID, "kari", "once more"))
	o.must(o.Store.Hold(t.Context(), tenant, held.ID, "ola", "wait"))
	for _, tc := range []struct {
		action documents.Action
		id     string
		says   string // "" means that it is done
	}{
		{documents.Cancel, unclear.ID, "it is RETRY_WAIT and may have arrived; possible: retry, hold"},
		{documents.Retry, held.ID, "it is READY, and held by ola; possible: cancel, release"},
		{documents.Release, held.ID, ""},
		{documents.Retry, "nobody", "nobody"},
	} {
		possible := o.Possible(t.Context(), tc.action, tc.id)
		done := o.Do(t.Context(), tc.action, tc.id, "kari", "because")
		for what, got := range map[string]documents.Outcome{"possible": possible, "done": done} {
			if got.OK != (tc.says == "") || !strings.Contains(got.Reason, tc.says) || got.Reason == "" && !got.OK {
				t.Errorf("%s of %s, %s: %+v", tc.action, tc.id, what, got)
			}
		}
	}
}
