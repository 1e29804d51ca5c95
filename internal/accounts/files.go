package accounts

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/ravn-ap/ravn/reporting"
)

// Permissions of files: only we may read those with customers.
const (
	modeDFO       = 0o644
	modeCustomers = 0o600
)

// Save writes the export into a folder, which it makes if there is none: workbook and CSV file for DFØ, the text of the
// mail they go with, workbook and CSV file for invoices. Each file appears whole or not at all.
func (e *Export) Save(dir string) ([]reporting.File, error) {
	dfo, customers := e.table(e.opts.Template.DFO, e.lines), e.table(e.opts.Template.Customers, e.lines)
	docs := []reporting.Document{
		{Name: e.name("dfo-"+e.Month.String(), ".xlsx"), Mode: modeDFO, Write: e.workbook(func(b *workbook) error {
			if err := b.addTable(e.translate(sheetSummary), e.summary()); err != nil {
				return err
			}
			return b.addTable(e.translate(sheetTransactions), dfo)
		})},
		{Name: e.name("dfo-"+e.Month.String(), ".csv"), Mode: modeDFO, Write: dfo.writeCSV},
		{Name: e.name("mail", ".txt"), Mode: modeDFO, Write: e.writeMail},
		{
			Name: e.name("customers-"+e.Month.String(), ".xlsx"), Mode: modeCustomers,
			Write: e.workbook(func(b *workbook) error {
				return e.writeCustomers(b, customers)
			}),
		},
		{Name: e.name("customers-"+e.Month.String(), ".csv"), Mode: modeCustomers, Write: customers.writeCSV},
	}
	return reporting.Save(dir, docs...)
}

// name is the name of a file, which says whether it is a preview.
func (e *Export) name(base, ext string) string {
	if e.Preview {
		base += "-preview"
	}
	return base + ext
}

// workbook returns a function that writes a workbook with what fill puts into it.
func (e *Export) workbook(fill func(*workbook) error) func(io.Writer) error {
	return func(w io.Writer) error {
		_, end := e.Month.Bounds()
		b, err := newWorkbook(end)
		if err != nil {
			return err
		}
		if err = fill(b); err == nil {
			err = b.write(w)
		}
		return errors.Join(err, b.close())
	}
}

// writeCustomers writes all customers, the reconciliation, and a sheet for each customer.
func (e *Export) writeCustomers(b *workbook, all *table) error {
	if err := b.addTable(e.translate(sheetCustomers), all); err != nil {
		return err
	}
	if err := b.addTable(e.translate(sheetReconcile), e.reconciliation()); err != nil {
		return err
	}
	for lines := range e.parties() {
		c := lines[0].customer
		if c == nil {
			continue
		}
		name := c.Name
		if strings.TrimSpace(name) == "" {
			name = c.ID
		}
		if err := b.addTable(name, e.table(e.opts.Template.Customers, lines)); err != nil {
			return err
		}
	}
	return nil
}

// parties yields the lines of each customer, and of each participant without one.
func (e *Export) parties() iter.Seq[[]line] {
	return func(yield func([]line) bool) {
		for from, i := 0, 1; i <= len(e.lines); i++ {
			a := &e.lines[from]
			if i < len(e.lines) && e.lines[i].customer == a.customer && e.lines[i].participant == a.participant {
				continue
			}
			if !yield(e.lines[from:i]) {
				return
			}
			from = i
		}
	}
}

// translate returns a label in the language of the export.
func (e *Export) translate(l label) string { return l.In(e.opts.Lang) }

// orMissing returns the text, or a note that it is missing.
func (e *Export) orMissing(s string) string {
	if s == "" {
		return e.translate(textMissing)
	}
	return s
}

// state says whether the numbers can change.
func (e *Export) state() string {
	if e.Preview {
		return e.translate(statePreview)
	}
	return e.translate(stateClosed)
}

// summary is the first sheet for DFØ (RPT-9.2). It does not say when it was made, so that the same numbers give the
// same bytes.
func (e *Export) summary() *table {
	rows := [][]any{
		{e.translate(summaryYear), int64(e.Month) / 100},
		{e.translate(summaryMonth), int64(e.Month) % 100},
		{e.translate(summaryState), e.state()},
		{e.translate(summaryProvider), e.provider()},
		{e.translate(summaryOrg), e.orMissing(e.opts.Org)},
		{e.translate(summarySeats), e.seats()},
		{e.translate(summaryContact), e.orMissing(e.opts.Contact)},
		{e.translate(textSent), e.Sent},
		{e.translate(textReceived), e.Received},
		{e.translate(textTotal), e.Sent + e.Received},
	}
	for i := range e.built {
		b := &e.built[i]
		of := fmt.Sprintf("%s, %s %d, SHA-256", b.Seat, e.translate(summaryRevision), b.Revision)
		rows = append(rows, []any{"TSR " + of, b.TSR}, []any{"EUSR " + of, b.EUSR})
	}
	return &table{
		heads: []string{e.translate(summaryField), e.translate(summaryValue)}, widths: []float64{50, 70},
		rows: rowsOf(rows),
	}
}

// rowsOf yields rows.
func rowsOf(rows [][]any) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for _, row := range rows {
			if !yield(row) {
				return
			}
		}
	}
}

// reconciliation is the sheet that shows that the numbers of the customers, and of participants without one, come to
// the TSR (RPT-9.5).
func (e *Export) reconciliation() *table {
	t := &table{
		heads: []string{
			e.translate(reconcileWhat), e.translate(reconcileID), e.translate(reconcileName), e.translate(textSent),
			e.translate(textReceived), e.translate(textTotal),
		},
		widths: []float64{26, 24, 40, 12, 12, 12},
	}
	var rows [][]any
	add := func(what label, id, name string, sent, received int64) {
		rows = append(rows, []any{e.translate(what), id, name, sent, received, sent + received})
	}
	var reported SeatTotals
	for _, s := range e.Totals {
		from := e.translate(reconcileCounted)
		if s.Revision > 0 {
			from = fmt.Sprintf("%s %d", e.translate(summaryRevision), s.Revision)
		}
		add(reconcileReport, string(s.Seat), from, s.Sent, s.Received)
		reported.Sent, reported.Received = reported.Sent+s.Sent, reported.Received+s.Received
	}
	for lines := range e.parties() {
		var sent, received int64
		for i := range lines {
			sent, received = sent+lines[i].sent(), received+lines[i].received()
		}
		what, id, name := e.party(&lines[0])
		add(what, id, name, sent, received)
	}
	add(reconcileSum, "", "", e.Sent, e.Received)
	add(reconcileDifference, "", "", e.Sent-reported.Sent, e.Received-reported.Received)
	t.rows = rowsOf(rows)
	return t
}

// party names the customer of a line, or the participant that has none.
func (e *Export) party(l *line) (what label, id, name string) {
	switch {
	case l.customer != nil:
		return reconcileCustomer, l.customer.ID, l.customer.Name
	case strings.EqualFold(l.participant, e.own):
		return reconcileNobody, l.participant, e.translate(reconcileOurselves)
	}
	return reconcileNobody, l.participant, ""
}

// writeMail writes the mail to DFØ, in whose subject the month and our name stand as RPT-9.2 wants it.
func (e *Export) writeMail(w io.Writer) error {
	dfo := "dfo-" + e.Month.String()
	who := "SeatID " + e.seats()
	if e.opts.Org != "" {
		who = e.translate(mailOrg) + " " + e.opts.Org + ", " + who
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Subject: Reporting - %s %s\n", e.Month, e.provider())
	fmt.Fprintf(&b, "To: %s\n", e.orMissing(e.opts.To))
	fmt.Fprintf(&b, "Attachments: %s, %s\n\n", e.name(dfo, ".xlsx"), e.name(dfo, ".csv"))
	fmt.Fprintf(&b, e.translate(mailReport)+"\n", e.Month, e.provider(), who)
	if e.Preview {
		fmt.Fprintf(&b, "%s: %s\n", e.translate(summaryState), e.translate(statePreview))
	}
	fmt.Fprintf(&b, "\n%s: %d\n%s: %d\n", e.translate(textSent), e.Sent, e.translate(textReceived), e.Received)
	fmt.Fprintf(&b, "\n%s\n%s\n%s\n", e.translate(mailRegards), e.provider(), e.orMissing(e.opts.Contact))
	_, err := io.WriteString(w, b.String())
	return err
}
