package message_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center/message"
)

func TestFormats(t *testing.T) {
	now := time.Date(2026, 11, 25, 20, 0, 0, 123_456_000, time.UTC)
	forms := map[message.Format]*regexp.Regexp{
		message.Hex:     regexp.MustCompile(`^[1-7][0-9a-f]{15}$`),
		message.Decimal: regexp.MustCompile(`^[1-9][0-9]{18}$`),
		message.UUID:    regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
	}
	for _, shard := range []int{0, 1, message.MaxShard} {
		source := message.IDSource{Shard: shard}
		for range 2000 {
			id := source.Next(now, 1)
			for f, form := range forms {
				text := f.Text(id)
				if got, ok := message.ParseID(strings.ToUpper(text)); !ok || got != id || !form.MatchString(text) {
					t.Fatalf("%v of %v = %q, which reads as %v, %v", f, id, text, got, ok)
				}
			}
		}
	}
	var source message.IDSource
	id := source.Next(now, 1)
	if at := id.Time(); !at.Equal(now) {
		t.Errorf("the time of %v is %v; want %v", id, at, now)
	}
	text := message.UUID.Text(id)
	if ms, err := strconv.ParseInt(text[:8]+text[9:13], 16, 64); err != nil || ms != now.UnixMilli() {
		t.Errorf("UUID %s begins with %d; want %d", text, ms, now.UnixMilli())
	}
	other := "0"
	if strings.HasSuffix(text, other) {
		other = "1"
	}
	for _, bad := range []string{
		text[:len(text)-1] + other, "01922f53-0000-7000-8000-000000000000", strings.ReplaceAll(text, "-", "_"),
		"0000000000000000001", "+152921504606846976", "9999999999999999999",
	} {
		if id, ok := message.ParseID(bad); ok {
			t.Errorf("ParseID(%q) = %v; want none", bad, id)
		}
	}
	for _, name := range message.FormatNames() {
		if f, err := message.ParseFormat(name); err != nil || f.String() != name {
			t.Errorf("ParseFormat(%q) = %v, %v", name, f, err)
		}
	}
	if _, err := message.ParseFormat("octal"); err == nil || !strings.Contains(err.Error(), "decimal") {
		t.Errorf("format octal: %v", err)
	}
	m := &message.Message{Group: id, IDFormat: message.UUID, Kind: message.Receipt}
	got, err := message.ParseRecord(message.AppendRecord(nil, m))
	if err != nil || got.MessageID() != text || got.Kind != message.Receipt {
		t.Errorf("a record keeps %v, %v; want %s", got, err, text)
	}
}
