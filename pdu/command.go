package pdu

import "fmt"

// A CommandID tells which command a PDU is. Bit 31 is set on responses.
// SMPP v5.0, section 4.7.5.
type CommandID uint32

// ResponseBit is set in the command_id of responses.
const ResponseBit CommandID = 0x80000000

// The commands of SMPP v3.4 and v5.0.
const (
	IDGenericNack           CommandID = 0x80000000
	IDBindReceiver          CommandID = 0x00000001
	IDBindReceiverResp      CommandID = 0x80000001
	IDBindTransmitter       CommandID = 0x00000002
	IDBindTransmitterResp   CommandID = 0x80000002
	IDQuerySM               CommandID = 0x00000003
	IDQuerySMResp           CommandID = 0x80000003
	IDSubmitSM              CommandID = 0x00000004
	IDSubmitSMResp          CommandID = 0x80000004
	IDDeliverSM             CommandID = 0x00000005
	IDDeliverSMResp         CommandID = 0x80000005
	IDUnbind                CommandID = 0x00000006
	IDUnbindResp            CommandID = 0x80000006
	IDReplaceSM             CommandID = 0x00000007
	IDReplaceSMResp         CommandID = 0x80000007
	IDCancelSM              CommandID = 0x00000008
	IDCancelSMResp          CommandID = 0x80000008
	IDBindTransceiver       CommandID = 0x00000009
	IDBindTransceiverResp   CommandID = 0x80000009
	IDOutbind               CommandID = 0x0000000B
	IDEnquireLink           CommandID = 0x00000015
	IDEnquireLinkResp       CommandID = 0x80000015
	IDSubmitMulti           CommandID = 0x00000021
	IDSubmitMultiResp       CommandID = 0x80000021
	IDAlertNotification     CommandID = 0x00000102
	IDDataSM                CommandID = 0x00000103
	IDDataSMResp            CommandID = 0x80000103
	IDBroadcastSM           CommandID = 0x00000111
	IDBroadcastSMResp       CommandID = 0x80000111
	IDQueryBroadcastSM      CommandID = 0x00000112
	IDQueryBroadcastSMResp  CommandID = 0x80000112
	IDCancelBroadcastSM     CommandID = 0x00000113
	IDCancelBroadcastSMResp CommandID = 0x80000113
)

// Commands that only SMPP v3.3 has. They are known by name and decode to
// *Unknown; a session answers them like any unknown command.
const (
	IDParamRetrieve       CommandID = 0x00000022
	IDParamRetrieveResp   CommandID = 0x80000022
	IDQueryLastMsgs       CommandID = 0x00000023
	IDQueryLastMsgsResp   CommandID = 0x80000023
	IDQueryMsgDetails     CommandID = 0x00000024
	IDQueryMsgDetailsResp CommandID = 0x80000024
)

// IsResponse reports whether the command is a response.
func (id CommandID) IsResponse() bool { return id&ResponseBit != 0 }

// Response returns the id of the response to the command, and the command
// itself if it is a response.
func (id CommandID) Response() CommandID { return id | ResponseBit }

// Request returns the id of the request that the command answers, and the
// command itself if it is a request.
func (id CommandID) Request() CommandID { return id &^ ResponseBit }

// String returns the name of the specification, such as submit_sm, or the
// number in hexadecimal for a command that no version of SMPP defines. The
// names of custom commands are in the Registry.
func (id CommandID) String() string {
	if name := id.name(); name != "" {
		return name
	}
	return fmt.Sprintf("0x%08X", uint32(id))
}

func (id CommandID) name() string {
	if id == IDGenericNack {
		return "generic_nack"
	}
	var name string
	switch id.Request() {
	case IDBindReceiver:
		name = "bind_receiver"
	case IDBindTransmitter:
		name = "bind_transmitter"
	case IDQuerySM:
		name = "query_sm"
	case IDSubmitSM:
		name = "submit_sm"
	case IDDeliverSM:
		name = "deliver_sm"
	case IDUnbind:
		name = "unbind"
	case IDReplaceSM:
		name = "replace_sm"
	case IDCancelSM:
		name = "cancel_sm"
	case IDBindTransceiver:
		name = "bind_transceiver"
	case IDEnquireLink:
		name = "enquire_link"
	case IDSubmitMulti:
		name = "submit_multi"
	case IDDataSM:
		name = "data_sm"
	case IDBroadcastSM:
		name = "broadcast_sm"
	case IDQueryBroadcastSM:
		name = "query_broadcast_sm"
	case IDCancelBroadcastSM:
		name = "cancel_broadcast_sm"
	case IDParamRetrieve:
		name = "param_retrieve"
	case IDQueryLastMsgs:
		name = "query_last_msgs"
	case IDQueryMsgDetails:
		name = "query_msg_details"
	}
	if name != "" && id.IsResponse() {
		return name + "_resp"
	}
	switch id {
	case IDOutbind:
		return "outbind"
	case IDAlertNotification:
		return "alert_notification"
	}
	return name
}
