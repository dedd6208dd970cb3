package pdu

// The command_status values of SMPP v5.0, table 4-45. Go spells the words out;
// String and Error give the name of the specification.
const (
	StatusOK                                Status = 0x00000000 // ESME_ROK: success
	StatusInvalidMessageLength              Status = 0x00000001 // ESME_RINVMSGLEN: user data length not acceptable to the MC or network
	StatusInvalidCommandLength              Status = 0x00000002 // ESME_RINVCMDLEN: command_length too small or too large for the PDU
	StatusInvalidCommandID                  Status = 0x00000003 // ESME_RINVCMDID: command unknown or not supported
	StatusInvalidBindStatus                 Status = 0x00000004 // ESME_RINVBNDSTS: command not allowed in the present session state
	StatusAlreadyBound                      Status = 0x00000005 // ESME_RALYBND: bind on a session that is bound already
	StatusInvalidPriorityFlag               Status = 0x00000006 // ESME_RINVPRTFLG: priority_flag not legal or not supported
	StatusInvalidRegisteredDelivery         Status = 0x00000007 // ESME_RINVREGDLVFLG: registered_delivery not legal, or receipts not permitted
	StatusSystemError                       Status = 0x00000008 // ESME_RSYSERR: internal error; part or all of the MC unavailable
	StatusInvalidSource                     Status = 0x0000000A // ESME_RINVSRCADR: source address too long, malformed or not allowed
	StatusInvalidDest                       Status = 0x0000000B // ESME_RINVDSTADR: destination address empty, too long or malformed
	StatusInvalidMessageID                  Status = 0x0000000C // ESME_RINVMSGID: message_id not known
	StatusBindFailed                        Status = 0x0000000D // ESME_RBINDFAIL: bind refused, no detail given
	StatusInvalidPassword                   Status = 0x0000000E // ESME_RINVPASWD: password malformed (length); many MCs also use it for a wrong one
	StatusInvalidSystemID                   Status = 0x0000000F // ESME_RINVSYSID: system_id malformed (length); many MCs also use it for an unknown one
	StatusCancelFailed                      Status = 0x00000011 // ESME_RCANCELFAIL: cancel_sm failed
	StatusReplaceFailed                     Status = 0x00000013 // ESME_RREPLACEFAIL: replace_sm failed
	StatusQueueFull                         Status = 0x00000014 // ESME_RMSGQFUL: queue of the MC or of the destination is full
	StatusInvalidServiceType                Status = 0x00000015 // ESME_RINVSERTYP: service_type unknown or of bad length
	StatusInvalidNumberOfDests              Status = 0x00000033 // ESME_RINVNUMDESTS: number_of_dests not acceptable
	StatusInvalidDistributionList           Status = 0x00000034 // ESME_RINVDLNAME: distribution list name malformed or unknown
	StatusInvalidDestFlag                   Status = 0x00000040 // ESME_RINVDESTFLAG: dest_flag not 1 or 2
	StatusInvalidSubmitWithReplace          Status = 0x00000042 // ESME_RINVSUBREP: submit with replace not supported, not allowed or not sensible here
	StatusInvalidESMClass                   Status = 0x00000043 // ESME_RINVESMCLASS: esm_class setting not supported
	StatusCannotSubmitToDistributionList    Status = 0x00000044 // ESME_RCNTSUBDL: distribution lists unsupported, denied or unavailable
	StatusSubmitFailed                      Status = 0x00000045 // ESME_RSUBMITFAIL: submission failed, no detail given
	StatusInvalidSourceTON                  Status = 0x00000048 // ESME_RINVSRCTON: source TON invalid or unsupported
	StatusInvalidSourceNPI                  Status = 0x00000049 // ESME_RINVSRCNPI: source NPI invalid or unsupported
	StatusInvalidDestTON                    Status = 0x00000050 // ESME_RINVDSTTON: destination TON invalid or unsupported
	StatusInvalidDestNPI                    Status = 0x00000051 // ESME_RINVDSTNPI: destination NPI invalid or unsupported
	StatusInvalidSystemType                 Status = 0x00000053 // ESME_RINVSYSTYP: system_type of bad length or content
	StatusInvalidReplaceFlag                Status = 0x00000054 // ESME_RINVREPFLAG: replace_if_present_flag not legal or unsupported
	StatusInvalidNumberOfMessages           Status = 0x00000055 // ESME_RINVNUMMSGS: number of messages not acceptable
	StatusThrottled                         Status = 0x00000058 // ESME_RTHROTTLED: ESME went over its message rate
	StatusInvalidScheduleTime               Status = 0x00000061 // ESME_RINVSCHED: schedule_delivery_time malformed or out of range
	StatusInvalidExpiry                     Status = 0x00000062 // ESME_RINVEXPIRY: validity_period malformed or out of range
	StatusInvalidDefaultMessageID           Status = 0x00000063 // ESME_RINVDFTMSGID: canned message id malformed or unknown
	StatusTemporaryAppError                 Status = 0x00000064 // ESME_RX_T_APPN: ESME cannot take the delivery now: retry later
	StatusPermanentAppError                 Status = 0x00000065 // ESME_RX_P_APPN: ESME cannot ever take messages for this destination: drop it and the others queued for it
	StatusRejectedByApp                     Status = 0x00000066 // ESME_RX_R_APPN: ESME rejects this message only
	StatusQueryFailed                       Status = 0x00000067 // ESME_RQUERYFAIL: query_sm failed
	StatusInvalidTLVStream                  Status = 0x000000C0 // ESME_RINVTLVSTREAM: TLV area corrupt: 1-3 stray octets, or a length beyond the PDU
	StatusTLVNotAllowed                     Status = 0x000000C1 // ESME_RTLVNOTALLWD: TLV used where it does not belong, or refused by policy
	StatusInvalidTLVLength                  Status = 0x000000C2 // ESME_RINVTLVLEN: TLV length not valid for its tag
	StatusMissingTLV                        Status = 0x000000C3 // ESME_RMISSINGTLV: a TLV the operation needs is missing
	StatusInvalidTLVValue                   Status = 0x000000C4 // ESME_RINVTLVVAL: TLV content not valid
	StatusDeliveryFailure                   Status = 0x000000FE // ESME_RDELIVERYFAILURE: transaction mode delivery failed
	StatusUnknownError                      Status = 0x000000FF // ESME_RUNKNOWNERR: error not covered elsewhere
	StatusServiceTypeUnauthorized           Status = 0x00000100 // ESME_RSERTYPUNAUTH: ESME may not use this service_type
	StatusProhibited                        Status = 0x00000101 // ESME_RPROHIBITED: ESME may not use this operation
	StatusServiceTypeUnavailable            Status = 0x00000102 // ESME_RSERTYPUNAVAIL: service_type out of service for now
	StatusServiceTypeDenied                 Status = 0x00000103 // ESME_RSERTYPDENIED: content does not suit the service_type
	StatusInvalidDataCoding                 Status = 0x00000104 // ESME_RINVDCS: data_coding invalid or unsupported
	StatusInvalidSourceSubunit              Status = 0x00000105 // ESME_RINVSRCADDRSUBUNIT: source_addr_subunit invalid
	StatusInvalidDestSubunit                Status = 0x00000106 // ESME_RINVDSTADDRSUBUNIT: dest_addr_subunit invalid
	StatusInvalidBroadcastFrequencyInterval Status = 0x00000107 // ESME_RINVBCASTFREQINT: broadcast_frequency_interval invalid or unsupported
	StatusInvalidBroadcastAliasName         Status = 0x00000108 // ESME_RINVBCASTALIAS_NAME: broadcast area alias malformed
	StatusInvalidBroadcastAreaFormat        Status = 0x00000109 // ESME_RINVBCASTAREAFMT: broadcast area format invalid or unsupported
	StatusInvalidNumberOfBroadcastAreas     Status = 0x0000010A // ESME_RINVNUMBCAST_AREAS: number of broadcast areas not acceptable
	StatusInvalidBroadcastContentType       Status = 0x0000010B // ESME_RINVBCASTCNTTYPE: broadcast_content_type invalid or unsupported
	StatusInvalidBroadcastMessageClass      Status = 0x0000010C // ESME_RINVBCASTMSGCLASS: broadcast_message_class invalid or unsupported
	StatusBroadcastFailed                   Status = 0x0000010D // ESME_RBCASTFAIL: broadcast_sm failed
	StatusBroadcastQueryFailed              Status = 0x0000010E // ESME_RBCASTQUERYFAIL: query_broadcast_sm failed
	StatusBroadcastCancelFailed             Status = 0x0000010F // ESME_RBCASTCANCELFAIL: cancel_broadcast_sm failed
	StatusInvalidBroadcastRepeat            Status = 0x00000110 // ESME_RINVBCAST_REP: broadcast_rep_num not acceptable
	StatusInvalidBroadcastServiceGroup      Status = 0x00000111 // ESME_RINVBCASTSRVGRP: broadcast_service_group invalid or unsupported
	StatusInvalidBroadcastChannel           Status = 0x00000112 // ESME_RINVBCASTCHANIND: broadcast_channel_indicator invalid or unsupported
)

// statusTable holds, in ascending order of the codes, what is known of each
// status; retry tells whether the same PDU may be accepted later.
var statusTable = [...]statusInfo{
	{StatusOK, "ESME_ROK", "", "success", V33, false},
	{StatusInvalidMessageLength, "ESME_RINVMSGLEN", "", "user data length not acceptable to the MC or network", V33, false},
	{StatusInvalidCommandLength, "ESME_RINVCMDLEN", "", "command_length too small or too large for the PDU", V33, false},
	{StatusInvalidCommandID, "ESME_RINVCMDID", "", "command unknown or not supported", V33, false},
	{StatusInvalidBindStatus, "ESME_RINVBNDSTS", "", "command not allowed in the present session state", V33, true},
	{StatusAlreadyBound, "ESME_RALYBND", "", "bind on a session that is bound already", V33, false},
	{StatusInvalidPriorityFlag, "ESME_RINVPRTFLG", "", "priority_flag not legal or not supported", V33, false},
	{StatusInvalidRegisteredDelivery, "ESME_RINVREGDLVFLG", "", "registered_delivery not legal, or receipts not permitted", V33, false},
	{StatusSystemError, "ESME_RSYSERR", "", "internal error; part or all of the MC unavailable", V33, true},
	{StatusInvalidSource, "ESME_RINVSRCADR", "", "source address too long, malformed or not allowed", V33, false},
	{StatusInvalidDest, "ESME_RINVDSTADR", "", "destination address empty, too long or malformed", V33, false},
	{StatusInvalidMessageID, "ESME_RINVMSGID", "", "message_id not known", V33, false},
	{StatusBindFailed, "ESME_RBINDFAIL", "", "bind refused, no detail given", V34, true},
	{StatusInvalidPassword, "ESME_RINVPASWD", "", "password malformed (length); many MCs also use it for a wrong one", V34, false},
	{StatusInvalidSystemID, "ESME_RINVSYSID", "", "system_id malformed (length); many MCs also use it for an unknown one", V34, false},
	{StatusCancelFailed, "ESME_RCANCELFAIL", "", "cancel_sm failed", V33, false},
	{StatusReplaceFailed, "ESME_RREPLACEFAIL", "", "replace_sm failed", V33, false},
	{StatusQueueFull, "ESME_RMSGQFUL", "", "queue of the MC or of the destination is full", V33, true},
	{StatusInvalidServiceType, "ESME_RINVSERTYP", "", "service_type unknown or of bad length", V33, false},
	{StatusInvalidNumberOfDests, "ESME_RINVNUMDESTS", "", "number_of_dests not acceptable", V33, false},
	{StatusInvalidDistributionList, "ESME_RINVDLNAME", "", "distribution list name malformed or unknown", V34, false},
	{StatusInvalidDestFlag, "ESME_RINVDESTFLAG", "", "dest_flag not 1 or 2", V33, false},
	{StatusInvalidSubmitWithReplace, "ESME_RINVSUBREP", "", "submit with replace not supported, not allowed or not sensible here", V33, false},
	{StatusInvalidESMClass, "ESME_RINVESMCLASS", "", "esm_class setting not supported", V33, false},
	{StatusCannotSubmitToDistributionList, "ESME_RCNTSUBDL", "", "distribution lists unsupported, denied or unavailable", V33, false},
	{StatusSubmitFailed, "ESME_RSUBMITFAIL", "", "submission failed, no detail given", V34, true},
	{StatusInvalidSourceTON, "ESME_RINVSRCTON", "", "source TON invalid or unsupported", V33, false},
	{StatusInvalidSourceNPI, "ESME_RINVSRCNPI", "", "source NPI invalid or unsupported", V33, false},
	{StatusInvalidDestTON, "ESME_RINVDSTTON", "", "destination TON invalid or unsupported", V33, false},
	{StatusInvalidDestNPI, "ESME_RINVDSTNPI", "", "destination NPI invalid or unsupported", V33, false},
	{StatusInvalidSystemType, "ESME_RINVSYSTYP", "", "system_type of bad length or content", V33, false},
	{StatusInvalidReplaceFlag, "ESME_RINVREPFLAG", "", "replace_if_present_flag not legal or unsupported", V33, false},
	{StatusInvalidNumberOfMessages, "ESME_RINVNUMMSGS", "", "number of messages not acceptable", V33, false},
	{StatusThrottled, "ESME_RTHROTTLED", "", "ESME went over its message rate", V33, true},
	{StatusInvalidScheduleTime, "ESME_RINVSCHED", "", "schedule_delivery_time malformed or out of range", V33, false},
	{StatusInvalidExpiry, "ESME_RINVEXPIRY", "", "validity_period malformed or out of range", V33, false},
	{StatusInvalidDefaultMessageID, "ESME_RINVDFTMSGID", "", "canned message id malformed or unknown", V34, false},
	{StatusTemporaryAppError, "ESME_RX_T_APPN", "", "ESME cannot take the delivery now: retry later", V34, true},
	{StatusPermanentAppError, "ESME_RX_P_APPN", "", "ESME cannot ever take messages for this destination: drop it and the others queued for it", V34, false},
	{StatusRejectedByApp, "ESME_RX_R_APPN", "", "ESME rejects this message only", V34, false},
	{StatusQueryFailed, "ESME_RQUERYFAIL", "", "query_sm failed", V34, true},
	{StatusInvalidTLVStream, "ESME_RINVTLVSTREAM", "ESME_RINVOPTPARSTREAM", "TLV area corrupt: 1-3 stray octets, or a length beyond the PDU", V34, false},
	{StatusTLVNotAllowed, "ESME_RTLVNOTALLWD", "ESME_ROPTPARNOTALLWD", "TLV used where it does not belong, or refused by policy", V34, false},
	{StatusInvalidTLVLength, "ESME_RINVTLVLEN", "ESME_RINVPARLEN", "TLV length not valid for its tag", V34, false},
	{StatusMissingTLV, "ESME_RMISSINGTLV", "ESME_RMISSINGOPTPARAM", "a TLV the operation needs is missing", V34, false},
	{StatusInvalidTLVValue, "ESME_RINVTLVVAL", "ESME_RINVOPTPARAMVAL", "TLV content not valid", V34, false},
	{StatusDeliveryFailure, "ESME_RDELIVERYFAILURE", "", "transaction mode delivery failed", V34, false},
	{StatusUnknownError, "ESME_RUNKNOWNERR", "", "error not covered elsewhere", V33, true},
	{StatusServiceTypeUnauthorized, "ESME_RSERTYPUNAUTH", "", "ESME may not use this service_type", V50, false},
	{StatusProhibited, "ESME_RPROHIBITED", "", "ESME may not use this operation", V50, false},
	{StatusServiceTypeUnavailable, "ESME_RSERTYPUNAVAIL", "", "service_type out of service for now", V50, true},
	{StatusServiceTypeDenied, "ESME_RSERTYPDENIED", "", "content does not suit the service_type", V50, false},
	{StatusInvalidDataCoding, "ESME_RINVDCS", "", "data_coding invalid or unsupported", V50, false},
	{StatusInvalidSourceSubunit, "ESME_RINVSRCADDRSUBUNIT", "", "source_addr_subunit invalid", V50, false},
	{StatusInvalidDestSubunit, "ESME_RINVDSTADDRSUBUNIT", "", "dest_addr_subunit invalid", V50, false},
	{StatusInvalidBroadcastFrequencyInterval, "ESME_RINVBCASTFREQINT", "", "broadcast_frequency_interval invalid or unsupported", V50, false},
	{StatusInvalidBroadcastAliasName, "ESME_RINVBCASTALIAS_NAME", "", "broadcast area alias malformed", V50, false},
	{StatusInvalidBroadcastAreaFormat, "ESME_RINVBCASTAREAFMT", "", "broadcast area format invalid or unsupported", V50, false},
	{StatusInvalidNumberOfBroadcastAreas, "ESME_RINVNUMBCAST_AREAS", "", "number of broadcast areas not acceptable", V50, false},
	{StatusInvalidBroadcastContentType, "ESME_RINVBCASTCNTTYPE", "", "broadcast_content_type invalid or unsupported", V50, false},
	{StatusInvalidBroadcastMessageClass, "ESME_RINVBCASTMSGCLASS", "", "broadcast_message_class invalid or unsupported", V50, false},
	{StatusBroadcastFailed, "ESME_RBCASTFAIL", "", "broadcast_sm failed", V50, true},
	{StatusBroadcastQueryFailed, "ESME_RBCASTQUERYFAIL", "", "query_broadcast_sm failed", V50, true},
	{StatusBroadcastCancelFailed, "ESME_RBCASTCANCELFAIL", "", "cancel_broadcast_sm failed", V50, false},
	{StatusInvalidBroadcastRepeat, "ESME_RINVBCAST_REP", "", "broadcast_rep_num not acceptable", V50, false},
	{StatusInvalidBroadcastServiceGroup, "ESME_RINVBCASTSRVGRP", "", "broadcast_service_group invalid or unsupported", V50, false},
	{StatusInvalidBroadcastChannel, "ESME_RINVBCASTCHANIND", "", "broadcast_channel_indicator invalid or unsupported", V50, false},
}
