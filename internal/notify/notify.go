// Package notify tells C1 what became of its documents: it turns an event of the record into a CloudEvent, and hands it
// to whatever tells it (OPS-009). Nothing here has any influence on a document.
package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
)

// Worker does the work of kind Notify.
type Worker struct {
	Desk   func(tenant string) *documents.Desk // required
	To     backend.Notifier                    // required
	Failed func(err error)                     // is told of each failure; may be nil
}

// Bounds of the time until the next try. There is no last one: the news stays until C1 has it.
const (
	firstWait = 10 * time.Second
	mostWait  = 15 * time.Minute
)

// Notify tells the event of a job.
func (w *Worker) Notify(ctx context.Context, job store.Job) queue.Outcome {
	body, err := w.event(ctx, job)
	if errors.Is(err, db.ErrNotFound) || errors.Is(err, errNoEvent) {
		return queue.Dead(err.Error())
	}
	if err == nil {
		err = w.To.Notify(ctx, backend.Event{ID: job.Key, Tenant: job.Tenant, Body: body})
	}
	if err == nil {
		return queue.Done()
	}
	if w.Failed != nil {
		w.Failed(err)
	}
	return queue.Retry(wait(job.Tries), err.Error())
}

// wait is the time after so many tries.
func wait(tries int) time.Duration {
	return min(firstWait<<min(max(tries-1, 0), 10), mostWait)
}

// cloudEvent is a CloudEvent 1.0 in the structured form of its JSON format (API-092).
type cloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	RavnCode        string    `json:"ravncode,omitempty"`
	Data            data      `json:"data"`
}

// data is what the event says of a document: that of api.md §5.2, as far as C1 needs it.
type data struct {
	ID           string             `json:"id"`
	Direction    store.Direction    `json:"direction"`
	State        store.State        `json:"state"`
	Status       documents.Status   `json:"status"`
	MessageID    string             `json:"message_id"`
	InstanceID   string             `json:"instance_id"`
	Sender       string             `json:"sender"`
	Receiver     string             `json:"receiver"`
	DocumentType string             `json:"document_type"`
	Process      string             `json:"process"`
	Number       string             `json:"document_number,omitempty"`
	Content      documents.Content  `json:"content"`
	Problem      *documents.Problem `json:"problem,omitempty"`
	MLS          *documents.MLS     `json:"mls,omitempty"`
}

// types are those of the states that C1 is told of; each other one needs a person.
var types = map[store.State]string{
	store.Sent:            "ravn.document.sent",
	store.FailedPermanent: "ravn.document.failed",
	store.Cancelled:       "ravn.document.cancelled",
}

// errNoEvent means that a job names no event.
var errNoEvent = errors.New("notify: the key of the work names no event")

// event writes the event of a job: its key is the id of the document and the number of the event.
func (w *Worker) event(ctx context.Context, job store.Job) ([]byte, error) {
	id, number, _ := strings.Cut(job.Key, store.EventMark)
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: %q", errNoEvent, job.Key)
	}
	doc, at, err := w.Desk(job.Tenant).At(ctx, id, seq)
	if err != nil {
		return nil, err
	}
	e := cloudEvent{
		SpecVersion: "1.0", ID: job.Key, Source: "/ravn/" + job.Tenant, Type: types[doc.State], Subject: doc.ID,
		Time: at.UTC(), DataContentType: "application/json",
		Data: data{
			ID: doc.ID, Direction: doc.Direction, State: doc.State, Status: doc.Status, MessageID: doc.MessageID,
			InstanceID: doc.InstanceID, Sender: doc.Sender, Receiver: doc.Receiver, DocumentType: doc.DocumentType,
			Process: doc.Process, Number: doc.Number, Content: doc.Content, Problem: doc.Problem, MLS: doc.MLS,
		},
	}
	if e.Type == "" {
		e.Type = "ravn.document.attention"
	}
	if doc.Problem != nil && strings.HasPrefix(string(doc.Problem.Code), "RAVN-") {
		e.RavnCode = string(doc.Problem.Code)
	}
	body, err := json.MarshalIndent(e, "", "  ")
	return append(body, '\n'), err
}
