"""The sample scripts of the article that Rollcall follows, with the braces and the line that its capture lost."""

ACTIVE_DEFAULT = "function(entry) {return true;}"

ACTIVE_USER_ACCOUNT_CONTROL = """\
function(entry) {
  return !(entry.userAccountControl & 0x2);
}
"""

ACTIVE_EMPLOYEE_TYPE = 'function(entry) { return entry.employeeType !="inactive" }'

ORG_NAME = """\
function(entry) {
   var ou = entry.dn;
   if (ou != null){
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
