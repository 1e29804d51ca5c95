package accounts

import (
	"bufio"
	"encoding/csv"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
)

// table is the content of a sheet or a CSV file.
type table struct {
	heads  []string
	widths []float64
	rows   iter.Seq[[]any] // cells are string or int64; a row is valid until the next one
}

// table makes the table that a template describes from lines. Rows are made one at a time.
func (e *Export) table(choices []Choice, lines []line) *table {
	t := &table{}
	var cols []column
	for _, ch := range choices {
		col, _ := findColumn(ch.Column) // exists: the template has been checked
		head := ch.Heading
		if head == "" {
			head = e.translate(col.label)
		}
		cols, t.heads, t.widths = append(cols, col), append(t.heads, head), append(t.widths, col.width)
	}
	t.rows = func(yield func([]any) bool) {
		row := make([]any, len(cols))
		for _, s := range e.sumLines(cols, lines) {
			for i, col := range cols {
				row[i] = s.texts[i]
				if col.text == nil {
					row[i] = s.count
				}
			}
			if !yield(row) {
				return
			}
		}
	}
	return t
}

// sum is a number of exchanges by the texts of a table's columns; that of the count is "".
type sum struct {
	texts []string
	count int64
}

// sumLines adds up the lines that are equal in all columns, and sorts them by these.
func (e *Export) sumLines(cols []column, lines []line) []sum {
	list := make([]sum, len(lines))
	for i := range lines {
		list[i] = sum{make([]string, len(cols)), lines[i].count}
		for j, col := range cols {
			if col.text != nil {
				list[i].texts[j] = col.text(e, &lines[i])
			}
		}
	}
	slices.SortFunc(list, func(a, b sum) int { return slices.Compare(a.texts, b.texts) })
	n := 0
	for i := range list {
		if n > 0 && slices.Equal(list[i].texts, list[n-1].texts) {
			list[n-1].count += list[i].count
			continue
		}
		list[n] = list[i]
		n++
	}
	return list[:n]
}

// writeCSV writes a table as Norwegian Excel reads it: UTF-8 with byte order mark, semicolons, CRLF (RPT-9.2).
func (t *table) writeCSV(w io.Writer) error {
	b := bufio.NewWriter(w)
	if _, err := b.WriteString("\ufeff"); err != nil {
		return err
	}
	out := csv.NewWriter(b)
	out.Comma, out.UseCRLF = ';', true
	record := make([]string, len(t.heads))
	for i, head := range t.heads {
		record[i] = harmless(head)
	}
	if err := out.Write(record); err != nil {
		return err
	}
	for row := range t.rows {
		for i, cell := range row {
			switch v := cell.(type) {
			case string:
				record[i] = harmless(v)
			case int64:
				record[i] = strconv.FormatInt(v, 10)
			}
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return err
	}
	return b.Flush()
}

// Where a spreadsheet program may see the start of a formula: at the start of a text, after quotes, spaces and a byte
// order mark, and after a character that it takes for the separator. The last four signs are the full-width forms,
// which East Asian editions treat like the others.
var (
	formulaFirst = regexp.MustCompile("^[\"' \u00a0\ufeff]*[=+\\-@\t\r\n＝＋－＠]")
	formulaLater = regexp.MustCompile("([,;\t\r\n][\"' \u00a0\ufeff]*)([=+\\-@＝＋－＠])")
)

// harmless returns a text that no program takes for a formula: it puts an apostrophe where one would begin.
func harmless(s string) string {
	s = formulaLater.ReplaceAllString(s, "$1'$2")
	if formulaFirst.MatchString(s) {
		return "'" + s
	}
	return s
}
