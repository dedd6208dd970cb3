package handset

import (
	"fmt"
	"strings"
)

// Help returns what can stand in the text of a profile, in lines of at most 80
// characters, indented by two blanks.
func Help() string {
	var b strings.Builder
	b.WriteString("Profiles:\n\n")
	for _, p := range bases {
		row(&b, 8, p.name, p.about)
	}
	b.WriteString("\nSettings, after a colon and with commas between them. The names of states are\nshares of the attempts, each with an error code after a slash if it shall be\nanother than usual (undeliverable=10/1,rejected=2.5), and may stand there again:\n\n")
	for _, s := range settings() {
		form := s.Name + "=" + s.Form
		row(&b, 24, form, s.About)
	}
	b.WriteString("\nWords in the text of a message that decide what becomes of it:\n\n")
	for _, k := range Keywords() {
		row(&b, 10, k.Word, k.About)
	}
	b.WriteString("\nForms of receipts:\n\n")
	wrap(&b, "  ", strings.Join(ReceiptForms(), ", "))
	return b.String()
}

// row writes a word and what it means beside it.
func row(b *strings.Builder, width int, word, about string) {
	var right strings.Builder
	wrap(&right, strings.Repeat(" ", width+3), about)
	fmt.Fprintf(b, "  %-*s %s", width, word, strings.TrimLeft(right.String(), " "))
}

// wrap writes a text in lines of at most 80 characters.
func wrap(b *strings.Builder, indent, text string) {
	n := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case n == 0:
			b.WriteString(indent)
			n = len(indent)
		case n+1+len(word) > 80:
			b.WriteString("\n" + indent)
			n = len(indent)
		default:
			b.WriteString(" ")
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	b.WriteString("\n")
}
