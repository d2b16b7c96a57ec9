package embedded

import "strings"

// A handler answers a command of which the words are those that it should have.
type handler = func(c *conn, words []string, r *reply)

// handlers are the commands that this package answers itself, by their names in the table.
func handlers() map[string]handler {
	ours := map[string]handler{
		"acl|whoami":              cmdWhoAmI,
		"auth":                    cmdAuth,
		"client|getname":          cmdClientGetName,
		"client|getredir":         cmdClientGetRedir,
		"client|id":               cmdClientID,
		"client|info":             cmdClientInfo,
		"client|kill":             cmdClientKill,
		"client|list":             cmdClientList,
		"client|no-evict":         cmdClientNoEvict,
		"client|no-touch":         cmdClientNoTouch,
		"client|reply":            cmdClientReply,
		"client|setinfo":          cmdClientSetInfo,
		"client|setname":          cmdClientSetName,
		"client|tracking":         cmdClientTracking,
		"client|trackinginfo":     cmdTrackingInfo,
		"client|unblock":          cmdClientUnblock,
		"cluster|info":            cmdNoCluster,
		"cluster|keyslot":         cmdNoCluster,
		"cluster|myid":            cmdNoCluster,
		"cluster|nodes":           cmdNoCluster,
		"cluster|shards":          cmdNoCluster,
		"cluster|slots":           cmdNoCluster,
		"command":                 cmdCommand,
		"command|count":           cmdCommandCount,
		"command|docs":            cmdCommandDocs,
		"command|getkeys":         cmdCommandGetKeys,
		"command|getkeysandflags": cmdCommandGetKeysAndFlags,
		"command|info":            cmdCommandInfo,
		"command|list":            cmdCommandList,
		"config|get":              cmdConfigGet,
		"config|resetstat":        cmdConfigResetStat,
		"config|rewrite":          cmdConfigRewrite,
		"config|set":              cmdConfigSet,
		"discard":                 cmdDiscard,
		"exec":                    cmdExec,
		"hello":                   cmdHello,
		"hscan":                   cmdScanKey,
		"info":                    cmdInfo,
		"lastsave":                cmdLastSave,
		"latency|history":         cmdEmptyList,
		"latency|latest":          cmdEmptyList,
		"latency|reset":           cmdZero,
		"module|list":             cmdEmptyList,
		"monitor":                 cmdMonitor,
		"multi":                   cmdMulti,
		"object|encoding":         cmdObjectEncoding,
		"object|freq":             cmdObjectFreq,
		"object|refcount":         cmdObjectRefcount,
		"ping":                    cmdPing,
		"psubscribe":              cmdSubscribe,
		"punsubscribe":            cmdUnsubscribe,
		"quit":                    cmdQuit,
		"reset":                   cmdReset,
		"role":                    cmdRole,
		"scan":                    cmdScan,
		"select":                  cmdSelect,
		"slowlog|get":             cmdEmptyList,
		"slowlog|len":             cmdZero,
		"slowlog|reset":           cmdOK,
		"sscan":                   cmdScanKey,
		"subscribe":               cmdSubscribe,
		"time":                    cmdTime,
		"unsubscribe":             cmdUnsubscribe,
		"unwatch":                 cmdUnwatch,
		"watch":                   cmdWatch,
		"zscan":                   cmdScanKey,
	}
	for name := range table() {
		if strings.HasSuffix(name, "|help") {
			ours[name] = help
		}
	}
	return ours
}
