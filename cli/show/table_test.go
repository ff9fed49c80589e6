package show

import "testing"

func TestTable(t *testing.T) {
	var d Doc
	if err := d.Table([]string{"Engine", "Count", "Event"}, [][]string{
		{"isakmp", "12", "Malformed"},
		{"member GDOI_GROUP", "0", "Push signature"},
	}); err != nil {
		t.Fatal(err)
	}
	want := `Engine             Count  Event
isakmp             12     Malformed
member GDOI_GROUP  0      Push signature
`
	if d.String() != want {
		t.Errorf("got\n%q\nwant\n%q", d.String(), want)
	}
}
