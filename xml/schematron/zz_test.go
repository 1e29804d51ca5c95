package schematron
import ("testing";"os";"fmt";"github.com/ravn-ap/ravn/xml/xdm";"path/filepath")
func TestZZ(t *testing.T){
 x:=os.Getenv("X")
 src,err:=Load(os.DirFS(filepath.Dir(x)),filepath.Base(x)); if err!=nil{t.Fatal(err)}
 n:=xdm.NewNames()
 s,err:=Compile(src,n,""); if err!=nil{t.Fatal(err)}
 b,_:=os.ReadFile(os.Getenv("D"))
 tree,err:=xdm.Parse(b,n); if err!=nil{t.Fatal(err)}
 res,err:=s.Validate(t.Context(),tree,Options{Trace:true}); if err!=nil{t.Fatal(err)}
 for _,st:=range res.Steps{ if st.Pattern!=nil {continue}
  if st.Rule!=nil{fmt.Printf("FIRED <svrl:fired-rule context=\"%s\"\n",st.Rule.Context);continue}
  f:=res.Findings[st.Finding]; fmt.Println("FOUND",f.ID(),f.Flag(),f.Location,f.Code,f.Text)}
 for _,r:=range res.Remarks{fmt.Printf("REMARK %+v\n",r)}
}
