package handset

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// A Keyword is a word in the text of a message that forces an outcome.
type Keyword struct{ Word, About string }

var stateKeywords = []struct {
	word  string
	state pdu.MessageState
	about string
}{
	{"#deliver", pdu.StateDelivered, "DELIVERED"},
	{"#accept", pdu.StateAccepted, "ACCEPTED"},
	{"#fail", pdu.StateUndeliverable, "UNDELIVERABLE"},
	{"#reject", pdu.StateRejected, "REJECTED"},
	{"#expire", pdu.StateExpired, "EXPIRED"},
	{"#delete", pdu.StateDeleted, "DELETED"},
	{"#skip", pdu.StateSkipped, "SKIPPED"},
	{"#unknown", pdu.StateUnknown, "UNKNOWN"},
	{"#retry", pdu.StateEnroute, "delivered at the second attempt"},
}

const (
	wordAbsent   = "#absent"
	wordDelay    = "#delay="
	wordError    = "#error="
	wordThrottle = "#throttle"
	wordFull     = "#full"
)

// Keywords returns the words that force an outcome when they stand in a text,
// in any case and with white space around them.
func Keywords() []Keyword {
	var list []Keyword
	for _, k := range stateKeywords {
		list = append(list, Keyword{k.word, k.about})
	}
	return append(list,
		Keyword{wordAbsent, "never within reach"},
		Keyword{wordDelay + "5s", "the attempt takes 5 s"},
		Keyword{wordError + "27", "the error code, if it is not delivered"},
		Keyword{wordThrottle, "the submission is refused with ESME_RTHROTTLED"},
		Keyword{wordFull, "the submission is refused with ESME_RMSGQFUL"},
	)
}

// An order is what the keywords of a text say.
type order struct {
	forced, absent bool
	state          pdu.MessageState
	err            uint16
	delayed        bool
	delay          time.Duration
	refuse         pdu.Status
}

// mayHaveKeywords is quick, and mostly right.
func mayHaveKeywords(m *message.Message) bool {
	if bytes.IndexByte(m.Text, '#') >= 0 {
		return true
	}
	if len(m.TLVs) == 0 {
		return false
	}
	payload, ok := m.TLVs.Get(pdu.TLVMessagePayload.Tag())
	return ok && bytes.IndexByte(payload, '#') >= 0
}

// read reads the keywords of a text; the last of a kind counts.
func read(m *message.Message) (o order) {
	for word := range strings.FieldsSeq(sms.Text(m.Submission())) {
		if word[0] != '#' {
			continue
		}
		word = strings.ToLower(word)
		for _, k := range stateKeywords {
			if word == k.word {
				o.forced, o.absent, o.state = true, false, k.state
			}
		}
		switch {
		case word == wordAbsent:
			o.forced, o.absent, o.state = true, true, pdu.StateEnroute
		case word == wordThrottle:
			o.refuse = pdu.StatusThrottled
		case word == wordFull:
			o.refuse = pdu.StatusQueueFull
		case strings.HasPrefix(word, wordDelay):
			if d, err := time.ParseDuration(word[len(wordDelay):]); err == nil && d >= 0 && d <= longest {
				o.delay, o.delayed = d, true
			}
		case strings.HasPrefix(word, wordError):
			if n, err := strconv.ParseUint(word[len(wordError):], 10, 16); err == nil {
				o.err = uint16(n)
			}
		}
	}
	return o
}
