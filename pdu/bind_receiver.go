package pdu

// BindReceiver logs in to be delivered messages. SMPP v5.0, section 4.1.1.3.
type BindReceiver struct{ Bind }

// Command returns IDBindReceiver.
func (*BindReceiver) Command() CommandID { return IDBindReceiver }

// NewResponse returns an empty bind_receiver_resp.
func (*BindReceiver) NewResponse() *BindReceiverResp { return new(BindReceiverResp) }

// NewBindResp returns a bind_receiver_resp with the given fields.
func (*BindReceiver) NewBindResp(r BindResp) Body { return &BindReceiverResp{r} }

// BindReceiverResp answers bind_receiver. SMPP v5.0, section 4.1.1.4.
type BindReceiverResp struct{ BindResp }

// Command returns IDBindReceiverResp.
func (*BindReceiverResp) Command() CommandID { return IDBindReceiverResp }
