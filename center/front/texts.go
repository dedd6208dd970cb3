package front

import (
	"fmt"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// A Text is a canned message, as it is sent.
type Text struct {
	DataCoding pdu.DataCoding
	Octets     []byte // one message, without a user data header
}

// ParseTexts makes canned messages of texts by their sm_default_msg_id, 1 to 255.
// Each has to fit into one message. SMPP v5.0, section 4.7.27.
func ParseTexts(texts map[uint8]string, profile sms.Profile) (map[uint8]Text, error) {
	made := make(map[uint8]Text, len(texts))
	for id, text := range texts {
		if id == 0 {
			return nil, fmt.Errorf("canned message 0: 1 to 255 are allowed, 0 is none")
		}
		if text == "" {
			return nil, fmt.Errorf("canned message %d: it is empty", id)
		}
		parts, err := profile.Compose(new(pdu.SubmitSM), text, &sms.Options{MaxParts: 1})
		if err != nil {
			return nil, fmt.Errorf("canned message %d: %w", id, err)
		}
		made[id] = Text{DataCoding: parts[0].DataCoding, Octets: parts[0].ShortMessage}
	}
	return made, nil
}
