package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	smpp "github.com/godwit-sms/smpp/center/cmd/smpp"
	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/sms"
)

type dryRun struct {
	Coding       string
	DataCoding   uint8 `json:"data_coding"`
	Parts, Units int
	UnitsPerPart int `json:"units_per_part"`
	UnitsLeft    int `json:"units_left"`
	Forcing      []string
	Text         string
	PDUs         []json.RawMessage
}

func TestDryRun(t *testing.T) {
	isolate(t)
	for _, c := range []struct {
		name string
		args []string
		want string // coding, data_coding, parts, units, units_per_part, units_left, forcing, esm_class, start of short_message
	}{
		{"GSM", []string{"hello €"}, `gsm7 0 1 8 160 152 [] 0 68656c6c6f201b65`},
		{"Turkish", []string{"--coding", "gsm7-turkish,ucs2", "Şimdi yola çıkıyorum"}, `gsm7-turkish 0 1 20 155 135 [Ş ç ı] 64 03250101`},
		{"all tables", []string{"--coding", "national,ucs2", "नमस्ते दुनिया"}, `gsm7-hindi 0 1 13 155 142 [न म स ् त े द ु ि य ा] 64 03250106`},
		{"Turkish without the tables", []string{"Şaka"}, `ucs2 8 1 4 70 66 [Ş] 0 015e0061`},
		{"Latin 1", []string{"--coding", "gsm7,latin1,ucs2", "garçon"}, `latin1 3 1 6 140 134 [ç] 0 676172e7`},
		{"UCS-2", []string{"Привет 😀"}, `ucs2 8 1 9 70 61 [П р и в е т 😀] 0 041f`},
		{"transliterated", []string{"--transliterate", "“naïve”"}, `gsm7 0 1 7 160 153 [] 0 226e`},
		{"parts of 16 bits", []string{"--method", "udh16", strings.Repeat("a", 161)}, `gsm7 0 2 161 152 143 [] 64 0608`},
		{"SAR", []string{"--method", "sar", strings.Repeat("a", 161)}, `gsm7 0 2 161 152 143 [] 0 6161`},
		{"payload", []string{"--method", "payload", strings.Repeat("a", 161)}, `gsm7 0 1 161 65535 65374 [] 0 `},
		{"flash", []string{"--flash", "Fire!"}, `gsm7 240 1 5 160 155 [] 0 4669`},
		{"packed", []string{"--packed", "hellohello"}, `gsm7 0 1 10 160 150 [] 0 e8329bfd4697d9ec37`},
		{"packed with ports", []string{"--packed", "--ports", "9204", "hello"}, `gsm7 0 1 5 152 147 [] 64 06050423f40000`},
		{"octets for a port", []string{"--ports", "2948:9200", "--binary", "0106"}, `binary 4 1 2 133 131 [] 64 0605040b8423f00106`},
		{"data_coding", []string{"--data-coding", "24", "П"}, `ucs2 24 1 1 70 69 [] 0 041f`},
		{"Korean", []string{"--coding", "euckr", "한"}, `euckr 14 1 2 140 138 [] 0 c7d1`},
		{"graphemes", []string{"--graphemes", strings.Repeat("П", 66) + "👩\u200d🚀 x"}, `ucs2 8 2 73 67 60 [П 👩 ` + "\u200d" + ` 🚀] 64 050003`},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Nobody listens there: nothing is sent.
			args := append([]string{"send", "--url", "smpp://a:b@127.0.0.1:1", "--to", "+491701234567", "--dry-run"}, c.args...)
			status, stdout, stderr := run(t, "", append(args, "--json")...)
			if status != 0 || stderr != "" || strings.Count(stdout, "\n") != 1 {
				t.Fatalf("exit status %d, %s%s", status, stdout, stderr)
			}
			var r dryRun
			d := json.NewDecoder(strings.NewReader(stdout))
			d.DisallowUnknownFields()
			if err := d.Decode(&r); err != nil || len(r.PDUs) != r.Parts {
				t.Fatalf("%s: %v", stdout, err)
			}
			var first struct {
				Body struct {
					ESMClass     int    `json:"esm_class"`
					ShortMessage string `json:"short_message"`
				}
			}
			if err := json.Unmarshal(r.PDUs[0], &first); err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(r.Coding, " ", r.DataCoding, r.Parts, r.Units, r.UnitsPerPart, r.UnitsLeft, r.Forcing, first.Body.ESMClass, " ")
			want, prefix, _ := cutLast(c.want, " ")
			if got != want+" " || !strings.HasPrefix(first.Body.ShortMessage, prefix) {
				t.Errorf("%s%s\nwant %s", got, first.Body.ShortMessage, c.want)
			}
			// The PDUs are what decode prints of them.
			for _, p := range r.PDUs {
				if slices.Contains(c.args, "--packed") {
					break // decode does not know that
				}
				_, octets, _ := run(t, string(p), "encode")
				if _, again, _ := run(t, octets, "decode", "--json"); again != string(p)+"\n" {
					t.Errorf("%s\ndecode prints %s", p, again)
				}
			}
			status, stdout, stderr = run(t, "", args...)
			if status != 0 || stderr != "" || !takes.MatchString(stdout) || strings.Count(stdout, "command_id: submit_sm") != r.Parts {
				t.Errorf("exit status %d, %s%s", status, stdout, stderr)
			}
			for _, c := range r.Forcing {
				if !strings.Contains(stdout, "not in a cheaper coding") || !strings.Contains(stdout, fmt.Sprintf("%U", []rune(c)[0])) {
					t.Errorf("%q is not named: %s", c, stdout)
				}
			}
		})
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	return s[:max(i, 0)], s[i+1:], i >= 0
}

// scripts are 1,000 characters each.
func scripts() map[string]string {
	r := rand.New(rand.NewPCG(7, 8))
	fill := func(words string) string {
		list := strings.Fields(words)
		var b strings.Builder
		for utf8.RuneCountInString(b.String()) < 1000 {
			b.WriteString(list[r.IntN(len(list))] + " ")
		}
		return string([]rune(b.String())[:999]) + "."
	}
	return map[string]string{
		"Latin":   fill("Grüße aus der Zentrale, à demain señor, costs 5€ [net]"),
		"Turkish": fill("Şimdi yola çıkıyorum, ığdır'da güneşli bir gün; İstanbul'a doğru"),
		"Hindi":   fill("नमस्ते दुनिया यह एक लंबा संदेश है और भागों में जाता है"),
		"Russian": fill("Привет мир это длинное сообщение которое идёт по частям"),
		"Chinese": strings.ReplaceAll(fill("你好 世界 这是 一条 很长的 短信 分成 几个 部分 发送"), " ", "，"),
		"emoji":   fill("😀 🎉🎉 👍🏽 👨\u200d👩\u200d👧 🇩🇪 ☃️ ok"),
	}
}

// leastParts returns the least number of parts for the codings, by characters.
func leastParts(text string, charsets []coding.Charset) int {
	least := 1 << 30
	for _, cs := range charsets {
		if !coding.Encodable(cs, text) {
			continue
		}
		tables := 0
		g, isGSM := cs.(coding.GSM)
		if g.Locking() != 0 {
			tables += 3
		}
		if g.Single() != 0 {
			tables += 3
		}
		parts, room := 0, 0 // bits; all texts here take several parts
		for _, c := range text {
			n, _ := coding.Len(cs, string(c))
			bits := 8 * n
			if isGSM {
				bits = 7 * n
			}
			if room < bits {
				parts++
				room = 8 * (140 - 6 - tables)
				if isGSM {
					room = room / 7 * 7
				}
			}
			room -= bits
		}
		least = min(least, parts)
	}
	return least
}

// What send sends through serve is what receive prints, in the least parts that the codings allow.
func TestScriptsThroughServe(t *testing.T) {
	isolate(t)
	s := serve(t, "--account", "acme:sesame")
	url := "smpp://acme:sesame@" + s.address
	r, w := io.Pipe()
	type message struct {
		Text, Source string
		Parts        int
	}
	received := make(chan message, 100)
	go func() {
		defer close(received)
		for d := json.NewDecoder(r); ; {
			var m message
			if d.Decode(&m) != nil {
				return
			}
			received <- m
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	done := make(chan int, 1)
	said, stderr := io.Pipe()
	go func() {
		done <- smpp.Run(ctx, []string{"receive", "--url", url, "--address-range", "^8080$", "--json"},
			strings.NewReader(""), w, stderr)
		_ = w.Close()
		_ = stderr.Close()
	}()
	lines := bufio.NewReader(said)
	if line, err := lines.ReadString('\n'); !strings.HasPrefix(line, "bound to") {
		t.Fatalf("receive says %q, %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	gsmAndUCS2 := []coding.Charset{coding.GSM7, coding.UTF16}
	everything := append(slices.Clone(gsmAndUCS2), coding.Latin1)
	for _, l := range append([]coding.Language{0}, sms.AllLanguages()...) {
		for _, k := range append([]coding.Language{0}, sms.AllLanguages()...) {
			everything = append(everything, coding.National(l, k))
		}
	}
	for name, text := range scripts() {
		if n := utf8.RuneCountInString(text); n != 1000 {
			t.Fatalf("%s: %d characters", name, n)
		}
		for _, c := range []struct {
			name    string
			args    []string
			allowed []coding.Charset
		}{
			{"default", nil, gsmAndUCS2},
			{"SAR", []string{"--method", "sar", "--coding", "ucs2"}, nil},
			{"payload", []string{"--method", "payload"}, nil},
			{"all codings", []string{"--coding", "national,latin1,ucs2"}, everything},
		} {
			t.Run(name+" "+c.name, func(t *testing.T) {
				status, stdout, stderr := run(t, text, append([]string{"send", "--url", url, "--to", "8080", "--from", "ACME", "-"}, c.args...)...)
				if status != 0 {
					t.Fatalf("exit status %d, %s", status, stderr)
				}
				var printed, got int
				if _, err := fmt.Sscanf(stderr, "%d part", &printed); err != nil || printed != strings.Count(stdout, "\n") {
					t.Errorf("%s%s: %v", stderr, stdout, err)
				}
				if want := leastParts(text, c.allowed); c.allowed != nil && printed != want {
					t.Errorf("%d parts, %d are enough", printed, want)
				}
				t.Logf("%s", bytes.TrimSpace([]byte(stderr)))
				m, ok := <-received
				if !ok {
					t.Fatal("receive has ended")
				}
				if got = m.Parts; m.Text != text || got != printed || m.Source != "ACME" {
					t.Errorf("received %d parts from %s, %q, want %d, %q", got, m.Source, m.Text, printed, text)
				}
			})
		}
	}
	cancel()
	if status := <-done; status != 0 {
		t.Errorf("receive: exit status %d", status)
	}
}
