package grammar

import (
	"fmt"
	"math"
	"reflect"
)

// plain is the value of a field as Args carry it: int, uint32, string and bool
// for named types of these kinds, []any for slices, all else as it is.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.String:
		return v.String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return int(v.Int())
	case reflect.Uint32:
		return uint32(v.Uint())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint64:
		if v.Uint() <= math.MaxInt {
			return int(v.Uint())
		}
	case reflect.Slice:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = plain(v.Index(i))
		}
		return out
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if v.Kind() == reflect.Interface {
			return plain(v.Elem())
		}
	}
	return v.Interface()
}

// assign stores the value of an Arg in a field.
func assign(field reflect.Value, value any) error {
	v := reflect.ValueOf(value)
	if !v.IsValid() {
		field.SetZero()
		return nil
	}
	if v.Type().AssignableTo(field.Type()) {
		field.Set(v)
		return nil
	}
	mismatch := func() error { return fmt.Errorf("grammar: %v does not fit in a %v", v.Type(), field.Type()) }
	switch k := field.Kind(); {
	case k == reflect.Pointer:
		p := reflect.New(field.Type().Elem())
		if err := assign(p.Elem(), value); err != nil {
			return err
		}
		field.Set(p)
	case field.CanInt() && v.CanInt():
		if field.OverflowInt(v.Int()) {
			return mismatch()
		}
		field.SetInt(v.Int())
	case field.CanInt() && v.CanUint():
		if v.Uint() > math.MaxInt64 || field.OverflowInt(int64(v.Uint())) {
			return mismatch()
		}
		field.SetInt(int64(v.Uint()))
	case field.CanUint() && v.CanUint():
		if field.OverflowUint(v.Uint()) {
			return mismatch()
		}
		field.SetUint(v.Uint())
	case field.CanUint() && v.CanInt():
		if v.Int() < 0 || field.OverflowUint(uint64(v.Int())) {
			return mismatch()
		}
		field.SetUint(uint64(v.Int()))
	case k == reflect.String && v.Kind() == reflect.String,
		k == reflect.Bool && v.Kind() == reflect.Bool:
		field.Set(v.Convert(field.Type()))
	case k == reflect.Slice && v.Kind() == reflect.Slice:
		list := reflect.MakeSlice(field.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			if err := assign(list.Index(i), v.Index(i).Interface()); err != nil {
				return err
			}
		}
		field.Set(list)
	case k == reflect.Slice:
		list := reflect.MakeSlice(field.Type(), 1, 1)
		if err := assign(list.Index(0), value); err != nil {
			return err
		}
		field.Set(list)
	default:
		return mismatch()
	}
	return nil
}

// field finds a named field of a struct, through the names of nested structs
// separated by dots ("Src.Addr"); the empty name is v itself.
func field(v reflect.Value, name string) (reflect.Value, bool) {
	for name != "" {
		if v.Kind() != reflect.Struct {
			return reflect.Value{}, false
		}
		head := name
		for i := range name {
			if name[i] == '.' {
				head = name[:i]
				break
			}
		}
		name = name[min(len(head)+1, len(name)):]
		v = v.FieldByName(head)
		if !v.IsValid() {
			return v, false
		}
	}
	return v, true
}
