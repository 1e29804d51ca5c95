package xpath

// What the generator writes of XPath 3.0 and 3.1, and of the functions and types that are not in the first rules.

var (
	genLaterTypes = []string{
		"xs:int", "xs:long", "xs:short", "xs:byte", "xs:nonNegativeInteger", "xs:positiveInteger", "xs:unsignedByte",
		"xs:negativeInteger", "xs:nonPositiveInteger", "xs:unsignedInt", "xs:unsignedLong", "xs:float", "xs:token",
		"xs:normalizedString", "xs:NCName", "xs:Name", "xs:NMTOKEN", "xs:language", "xs:yearMonthDuration", "xs:ID",
	}
	genPictures = []string{
		"0", "0.00", "#,##0.00", "#.##", "0000", "#", "0%", "#,##0", "0.0#", "00.000", "#,##0.00;(#,##0.00)", "0‰",
		"€ 0.00", "0.##", "#,##,##0", "0,0.0", "0.00-", "##,#0.0#", ".00", ".##", "#.",
		"0.", "-0",
		"#,#,#",
	}
	genBadPictures = []string{"x", "0;0;0", "#0#", "0.#0", "0,", "0.0.0", "0 0", ",,0", "0%%"}
	genYears       = []string{"P1Y", "P14M", "-P1Y2M", "P0M", "P2Y11M"}
	genDays        = []string{"P1D", "PT36H", "-PT0.5S", "P1DT2H3M4S", "PT0S", "-P3DT1H", "PT61M1.25S"}
)

// once tells, for later versions only, once in n times.
func (g *generator) once(d, n int) bool { return g.later && d > 0 && g.one(n) }

func (g *generator) duration() string {
	if g.one(3) {
		return "xs:yearMonthDuration(" + quote(pick(g.r, genYears)) + ")"
	}
	return "xs:dayTimeDuration(" + quote(pick(g.r, genDays)) + ")"
}

func (g *generator) dateTime() string {
	return "xs:dateTime(" + quote(pick(g.r, []string{
		"2024-06-15T10:00:00", "2024-02-29T23:59:59.5Z", "2023-12-31T00:00:00+14:00", "2024-03-01T05:30:00-05:00",
	})) + ")"
}

func (g *generator) laterNumber(d int) string {
	switch g.r.IntN(9) {
	case 0, 1:
		return "round(" + pick(g.r, []string{g.number(d - 1), "xs:decimal(" + g.number(d-1) + ")"}) + ", " +
			pick(g.r, []string{"2", "1", "0", "-1", "3", "-2"}) + ")"
	case 2:
		return pick(g.r, []string{
			"hours-from-dateTime", "minutes-from-dateTime", "seconds-from-dateTime", "year-from-dateTime",
			"month-from-dateTime", "day-from-dateTime",
		}) + "(" + g.dateTime() + ")"
	case 3:
		return pick(g.r, []string{"days", "hours", "minutes", "seconds", "years", "months"}) + "-from-duration(" +
			g.duration() + ")"
	case 4, 5:
		types := []string{"xs:int", "xs:byte", "xs:float", "xs:unsignedByte", "xs:positiveInteger", "xs:float"}
		return pick(g.r, types) + "(" + g.number(d-1) + ")"
	case 6:
		return "(" + g.number(d-1) + " treat as " +
			pick(g.r, []string{"xs:anyAtomicType", "item()", "xs:anyAtomicType?"}) + ")"
	case 7:
		return "(" + g.number(d-1) + " => round())"
	}
	return "(" + g.duration() + " div " + g.duration() + ")"
}

func (g *generator) laterText(d int) string {
	switch g.r.IntN(9) {
	case 0, 1, 2:
		pictures := genPictures
		switch {
		case g.one(40):
			pictures = genBadPictures
		case g.one(10): // of zero the judge writes an odd exponent
			return "format-number(" + pick(g.r, []string{"123.456", "0.00123", "1e10", "-5"}) + ", " +
				quote(pick(g.r, []string{"0e0", "0.0e00", "#.#e0", "00.00e0", "##0.0e0"})) + ")"
		}
		return "format-number(" + g.number(d-1) + ", " + quote(pick(g.r, pictures)) + ")"
	case 3:
		return "string-join((" + g.many(genString, d-1) + "))"
	case 4:
		return "string(path(" + g.node(d-1) + "))"
	case 5:
		return "(" + g.text(d-1) + " || " + g.any(d-1) + ")"
	case 6:
		types := []string{"xs:token", "xs:normalizedString", "xs:anyURI", "xs:NCName"}
		return pick(g.r, types) + "(" + g.text(d-1) + ")"
	case 7:
		return "encode-for-uri(" + g.text(d-1) + ")"
	}
	return "(" + g.text(d-1) + " => upper-case() => substring(2))"
}

func (g *generator) laterBoolean(d int) string {
	switch g.r.IntN(6) {
	case 0:
		return "contains-token(" + g.text(d-1) + ", " + g.text(d-1) + ")"
	case 1:
		return "deep-equal((" + g.path(d-1) + "), (" + g.path(d-1) + "))"
	case 2:
		return "deep-equal((" + g.many(genKind(1+g.r.IntN(int(genKinds)-1)), d-1) + "), " + g.items(d-1) + ")"
	case 3:
		return "has-children(" + g.node(d-1) + ")"
	case 4:
		return "(" + g.any(d-1) + " castable as " + pick(g.r, genLaterTypes) + ")"
	}
	return "(" + g.any(d-1) + " instance of " + pick(g.r, genLaterTypes) + pick(g.r, []string{"", "*", "?"}) + ")"
}

func (g *generator) laterTime(d int) string {
	zone := pick(g.r, []string{"", ", ()", ", xs:dayTimeDuration('PT2H')", ", xs:dayTimeDuration('-PT5H30M')"})
	switch g.r.IntN(6) {
	case 0:
		return "adjust-dateTime-to-timezone(" + g.dateTime() + zone + ")"
	case 1:
		return "adjust-date-to-timezone(" + g.date(d-1) + zone + ")"
	case 2:
		return "adjust-time-to-timezone(xs:time('23:30:00+01:00')" + zone + ")"
	case 3:
		return "(" + pick(g.r, []string{g.date(d - 1), g.dateTime()}) +
			pick(g.r, []string{" + ", " - "}) + g.duration() + ")"
	case 4:
		return "(xs:yearMonthDuration(" + quote(pick(g.r, genYears)) + ") * " +
			pick(g.r, []string{"2", "-1", "0", "1.5"}) + ")"
	}
	return "(" + g.duration() + pick(g.r, []string{" + ", " - "}) + g.duration() + ")"
}

func (g *generator) laterSequence(d int) string {
	switch g.r.IntN(9) {
	case 0:
		return pick(g.r, []string{"head", "tail", "reverse", "unordered"}) + "(" + g.items(d) + ")"
	case 1:
		return "insert-before(" + g.items(d) + ", " + g.atom(d-1) + ", " + g.items(d-1) + ")"
	case 2:
		return "remove(" + g.items(d) + ", " + g.atom(d-1) + ")"
	case 3:
		return "sort((" + g.many(genKind(1+g.r.IntN(3)), d) + "))"
	case 4:
		return "tokenize(" + g.text(d) + ")"
	case 5:
		return pick(g.r, []string{"innermost", "outermost"}) + "((" + g.path(d) + "))"
	case 6:
		return "(" + g.path(d) + ") ! " +
			pick(g.r, []string{"(string(.), name())", "@*", "(., *)", "position()", "(last() + 1)"})
	case 7:
		return "(" + g.many(genNumber, d) + ") ! (. + 1)"
	}
	return g.path(d) + "/Q{urn:c}" + pick(g.r, []string{"a", "i", "*"})
}

// let binds a variable to a value and returns an expression of a kind.
func (g *generator) let(k genKind, in string, d int) string {
	name := pick(g.r, []string{"x", "y", "z"})
	g.vars = append(g.vars, genVar{name, k})
	body := g.of(k, d)
	g.vars = g.vars[:len(g.vars)-1]
	return "(let $" + name + " := " + in + " return " + body + ")"
}
