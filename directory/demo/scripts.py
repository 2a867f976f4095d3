"""The scripts of the demo's LDAP server: the published samples, and one rule of the college itself."""

ACTIVE = """\
// An account is active unless the directory has disabled it (bit 2 of userAccountControl).
function(entry) {
  return !(entry.userAccountControl & 0x2);
}
"""

ORG_NAME = """\
function(entry) {
   var ou = entry.dn;
   if (ou != null){
       // The college's own rule: contractors go to the org of their agency, "Ridgeway Interim (payroll 17)" without
       // the brackets. An entry without an agency fails here, and only its user is left as is.
       if (ou.indexOf("Contractors") >= 0) {
           return entry.o.split(" (")[0];
       }
       if ((ou.indexOf("Staff") >= 0 )){
           return 'Staff';
       }
       else if ((ou.indexOf("Students") >= 0 )){
           return 'Students';
       }
       else {
           return 'Default';
       }
   }
   else {
       return 'Default';
   }
}
"""

ROLE_NAME = """\
function (entry) {
    // Default user roles
    var myRoles=new Array("PROe User","Desktop User");
    if (entry.memberOf == null) {
        return myRoles;
    }
    // Loop over LDAP groups
    for (var x = 0; x < memberof.length; ++x) {
        if (memberof[x].indexOf("Admins") > -1) {
            myRoles.push("SYSADMIN");
        }
        if (memberof[x].indexOf("Support") > -1) {
            myRoles.push("All Org Admin");
        }
        if (memberof[x].indexOf("Managers") > -1) {
            myRoles.push("All Org Manager");
        }
        if (memberof[x].indexOf("WorkstationAdmins") > -1) {
            myRoles.push("Server Administrator");
        }
    }
    return myRoles;
}
"""
