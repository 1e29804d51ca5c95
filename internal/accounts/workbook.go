package accounts

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
)

// workbook writes sheets one after the other. Texts are cells of type inlineStr, so that they are never formulas.
type workbook struct {
	file    *excelize.File
	names   map[string]bool // of sheets, ignoring case
	maxRows int             // of a sheet
	head    int             // style of the first row
}

// newWorkbook begins a workbook. Its time of creation lies in the month, so that the same numbers give the same bytes.
func newWorkbook(at time.Time) (*workbook, error) {
	b := &workbook{file: excelize.NewFile(), names: map[string]bool{}, maxRows: excelize.TotalRows}
	when := at.Format(time.RFC3339)
	err := b.file.SetDocProps(&excelize.DocProperties{
		Creator: "Ravn", LastModifiedBy: "Ravn", Created: when,
		Modified: when,
	})
	if err != nil {
		return nil, err
	}
	b.head, err = b.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	return b, err
}

// firstSheet is what excelize calls the sheet of a new file.
const firstSheet = "Sheet1"

// addTable writes a table to a sheet, and to further ones if it is too long for one.
func (b *workbook) addTable(name string, t *table) error {
	sheet, err := b.begin(name, t)
	if err != nil {
		return err
	}
	n := 1
	for row := range t.rows {
		if n == b.maxRows {
			if err := sheet.Flush(); err != nil {
				return err
			}
			if sheet, err = b.begin(name, t); err != nil {
				return err
			}
			n = 1
		}
		n++
		if err := sheet.SetRow("A"+strconv.Itoa(n), row); err != nil {
			return err
		}
	}
	return sheet.Flush()
}

// begin makes a sheet with the head of a table.
func (b *workbook) begin(name string, t *table) (*excelize.StreamWriter, error) {
	first := len(b.names) == 0
	name = b.sheetName(name)
	var err error
	if first {
		err = b.file.SetSheetName(firstSheet, name)
	} else {
		_, err = b.file.NewSheet(name)
	}
	if err != nil {
		return nil, err
	}
	sheet, err := b.file.NewStreamWriter(name)
	if err != nil {
		return nil, err
	}
	for i, width := range t.widths {
		if err := sheet.SetColWidth(i+1, i+1, width); err != nil {
			return nil, err
		}
	}
	if err := sheet.SetPanes(&excelize.Panes{
		Freeze: true, YSplit: 1, TopLeftCell: "A2",
		ActivePane: "bottomLeft",
	}); err != nil {
		return nil, err
	}
	heads := make([]any, len(t.heads))
	for i, head := range t.heads {
		heads[i] = excelize.Cell{StyleID: b.head, Value: head}
	}
	return sheet, sheet.SetRow("A1", heads)
}

// maxSheetName is the longest name of a sheet, in UTF-16 units.
const maxSheetName = excelize.MaxSheetNameLength

// sheetName makes a sheet name from a text: one that Excel accepts and no other sheet has.
func (b *workbook) sheetName(text string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\ufeff' || strings.ContainsRune(`:\/?*[]`, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	clean = strings.Trim(strings.Join(strings.Fields(clean), " "), "' ")
	if clean == "" {
		clean = "-"
	}
	for n, suffix := 1, ""; ; n, suffix = n+1, fmt.Sprintf(" (%d)", n+1) {
		name := strings.TrimRight(cut(clean, maxSheetName-len(suffix)), "' ") + suffix
		key := fold(name)
		if key == fold("History") || b.names[key] { // Excel reserves "History"
			continue
		}
		b.names[key] = true
		return name
	}
}

// fold makes texts equal that differ only in case.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		last := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			last = max(last, f)
		}
		return last
	}, s)
}

// cut shortens a text to a number of UTF-16 units, between characters.
func cut(s string, limit int) string {
	for i, r := range s {
		if limit -= max(utf16.RuneLen(r), 1); limit < 0 {
			return s[:i]
		}
	}
	return s
}

// write writes the workbook and ends it. It sorts the parts, because excelize writes sheets in random order.
func (b *workbook) write(w io.Writer) error {
	var buf bytes.Buffer
	if err := b.file.Write(&buf); err != nil {
		return err
	}
	r, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		return err
	}
	slices.SortFunc(r.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	out := zip.NewWriter(w)
	for _, f := range r.File {
		if err := out.Copy(f); err != nil {
			return err
		}
	}
	return out.Close()
}

// close frees what the workbook holds.
func (b *workbook) close() error { return b.file.Close() }
