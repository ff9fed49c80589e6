package modes

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coterie/cli/show"
	"coterie/internal/syslog"
	runningconfig "coterie/running-config"
)

// logView is a device of which only the log is looked at.
type logView struct {
	View
	log  LogSnapshot
	tree *runningconfig.Config
}

func (v logView) Log() LogSnapshot              { return v.log }
func (v logView) Config() *runningconfig.Config { return v.tree }

func logScreen(t *testing.T, v logView) string {
	t.Helper()
	var d show.Doc
	if err := showLogging(v, nil, &d); err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// TestShowLogging compares with the screen of a router that logs to one server.
func TestShowLogging(t *testing.T) {
	golden, err := os.ReadFile("testdata/show_logging.txt")
	if err != nil {
		t.Fatal(err)
	}
	layout := &syslog.Layout{Log: syslog.Stamp{Msec: true}, Clock: syslog.Authoritative}
	record := func(at string, m syslog.Message) syslog.Record {
		when, err := time.Parse("Jan _2 15:04:05.000", at)
		if err != nil {
			t.Fatal(err)
		}
		return syslog.Record{Time: when, Layout: layout, Message: m}
	}
	v := logView{
		tree: loaded(t, "logging console alerts\nlogging buffered 16384\nlogging source-interface Loopback0\nlogging host 10.5.2.1\nlogging host 10.5.2.2 vrf Mgmt-vrf transport tcp\n"),
		log: LogSnapshot{
			Records: []syslog.Record{
				record("Jan 30 14:11:55.762", syslog.ConfigI.With("console", "cisco on vty0 (172.16.5.22)")),
				record("Jan 30 14:12:32.142", syslog.LinkUpDown.With("Ethernet0/0", "up")),
			},
			Size: 16384, Buffered: 91442, Trap: 142, RateLimited: 4,
			Hosts: []LogHost{{Host: "10.5.2.1", Transport: "udp", Port: 514, Up: true, Logged: 142},
				{Host: "10.5.2.2", VRF: "Mgmt-vrf", Transport: "tcp", Port: 601, Logged: 17, Dropped: 3}},
		},
	}
	if d := cmp.Diff(string(golden), logScreen(t, v)); d != "" {
		t.Error(d)
	}
	v.tree = loaded(t, "no logging console\nno logging monitor\nno logging buffered\nno logging trap\n")
	for _, want := range []string{"    Console logging: disabled\n", "    Monitor logging: disabled\n", "    Buffer logging:  disabled, xml disabled,\n", "    Trap logging: disabled\n"} {
		if got := logScreen(t, v); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	v.tree = loaded(t, "no logging on\n")
	if got := logScreen(t, v); !strings.HasPrefix(got, "Syslog logging: disabled (") {
		t.Errorf("%s", got)
	}
}

func TestShowLoggingCount(t *testing.T) {
	var d show.Doc
	if err := showLoggingCount(logView{log: LogSnapshot{Counts: []LogCount{
		{syslog.GDOIOnOff, 1, "*May  1 06:13:50.100"}, {syslog.ConfigI, 1, "*May  1 06:13:57.803"}, {syslog.HostStartStop, 2, "*May  1 06:13:56.862"},
	}}}, nil, &d); err != nil {
		t.Fatal(err)
	}
	const want = `Facility       Message Name                     Sev Occur      Last Time
==================================================================================
CRYPTO         GDOI_ON_OFF                        6    1 *May  1 06:13:50.100
-------------  -------------------------------  ----------------------------------
CRYPTO TOTAL                                           1

SYS            CONFIG_I                           5    1 *May  1 06:13:57.803
SYS            LOGGINGHOST_STARTSTOP              6    2 *May  1 06:13:56.862
-------------  -------------------------------  ----------------------------------
SYS TOTAL                                              3
`
	if d := cmp.Diff(want, d.String()); d != "" {
		t.Error(d)
	}
}
