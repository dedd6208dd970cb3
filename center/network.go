package center

import (
	"context"
	"time"

	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/center/message"
)

// A network takes what the simulated mobiles send.
type network struct{ *Center }

var _ handset.Network = network{}

func (n network) Receiving() []string { return n.table.Receiving() }

func (n network) Originate(ctx context.Context, msgs []*message.Message) error {
	first := n.dispatcher.NextID(time.Now(), len(msgs))
	for i, m := range msgs {
		m.ID = first + message.ID(i)
		m.Group = m.ID
	}
	return n.dispatcher.Submit(ctx, msgs...)
}
