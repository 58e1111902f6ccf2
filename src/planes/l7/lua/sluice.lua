-- What HAProxy's own rules cannot do with data alone. HAProxy loads this file once a thread; it keeps nothing but what it has taken apart,
-- and whatever goes wrong in it makes the converter give nothing, which leaves a request with the refusal that it came with. Where there
-- is nothing to give it gives an empty text, because HAProxy takes nil for a boolean.

local conditions = Map.new("conditions.map", Map._str)
local patterns = Map.new("patterns.map", Map._str)
local origins = Map.new("origins.map", Map._str)
local authorizations = Map.new("authorizations.map", Map._str)

-- Ids of routes name data that never change, so that what was taken apart stays right; old ones make room all at once.
local MOST_CACHED = 2000

local function cached(read)
  local cache, size = {}, 0
  return function(key)
    local known = cache[key]
    if known ~= nil then return known end
    local value = read(key)
    if value == nil then return nil end
    if size >= MOST_CACHED then cache, size = {}, 0 end
    cache[key], size = value, size + 1
    return value
  end
end

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function expression(text, is_case_sensitive)
  local is_right, regex = Regex.new(text, is_case_sensitive)
  assert(is_right, regex)
  return regex
end

-- One candidate: "h:name:=:value,q:name:~:value>what it leads to".
local function candidate(text)
  local list, target = text:match("^([^>]*)>(.*)$")
  local tests = {}
  for part in list:gmatch("[^,]+") do
    local kind, name, how, value = part:match("^(%a):([^:]*):([=~]):(.*)$")
    local test = { kind = kind, name = decoded(name), value = decoded(value) }
    if how == "~" then test.regex = expression(test.value, true) end
    tests[#tests + 1] = test
  end
  return { tests = tests, target = target }
end

local candidates = cached(function(rid)
  local found = {}
  local text = conditions:lookup(rid .. "#0")
  while text ~= nil do
    found[#found + 1] = candidate(text)
    text = conditions:lookup(rid .. "#" .. #found)
  end
  if #found == 0 then return nil end
  return found
end)

-- The first header of a name: what follows "\r\nname: ", or "\n" for the very first one.
local function header(block, name)
  local _, last = block:find("\n" .. name .. ": ", 1, true)
  if last == nil then return nil end
  return block:match("^[^\r\n]*", last + 1)
end

local function parameters(query)
  local found = {}
  for pair in query:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    name = decoded((name:gsub("+", " ")))
    if found[name] == nil then found[name] = decoded((value:gsub("+", " "))) end
  end
  return found
end

local function fulfils(test, request)
  local value
  if test.kind == "m" then
    value = request.method
  elseif test.kind == "h" then
    value = header(request.headers, test.name)
  else
    request.parameters = request.parameters or parameters(request.query)
    value = request.parameters[test.name]
  end
  if value == nil then return false end
  if test.regex ~= nil then return test.regex:exec(value) end
  return value == test.value
end

-- "rid\nmethod query\nheaders" to the value of the first candidate of the route whose conditions the request fulfils.
core.register_converters("sluice_choose", function(input)
  local rid, method, query, rest = input:match("^([^\n]*)\n(%S*) ([^\n]*)()")
  local request = { method = method, query = query, headers = input:sub(rest) }
  for _, one in ipairs(candidates(rid) or {}) do
    local is_it = true
    for _, test in ipairs(one.tests) do
      if not fulfils(test, request) then
        is_it = false
        break
      end
    end
    if is_it then return one.target end
  end
  return ""
end)

-- A path as nginx compares it: percent-decoded once, slashes merged, "." and ".." resolved. Nothing for one that leads above the root, or
-- has a broken escape or a NUL. "#" stays escaped, because it ends keys of the route map.
core.register_converters("sluice_path", function(path)
  if path:sub(1, 1) ~= "/" or path:gsub("%%%x%x", ""):find("%%") then return "" end
  path = decoded(path)
  if path:find("\0", 1, true) then return "" end
  local kept, is_open = {}, false
  for segment in (path:sub(2) .. "/"):gmatch("([^/]*)/") do
    if segment == ".." then
      if #kept == 0 then return "" end
      kept[#kept] = nil
    end
    is_open = segment == "" or segment == "." or segment == ".."
    if not is_open then kept[#kept + 1] = segment end
  end
  if is_open then kept[#kept + 1] = "" end
  return (("/" .. table.concat(kept, "/")):gsub("#", "%%23"))
end)

-- What a decoded text has to be in a URL again.
local function encoded(text)
  text = text:gsub("%%(%d?%d?)", function(digits) return (digits == "23" and "%" or "%25") .. digits end)
  return (text:gsub('[%c \127-\255?"<>\\^`{|}]', function(character) return ("%%%02X"):format(character:byte()) end))
end

-- The same for the rules that cut a path.
core.register_converters("sluice_encoded", encoded)

local pattern = cached(function(rid)
  local text = patterns:lookup(rid)
  if text == nil then return nil end
  local how, regex, replacement = text:match("^([si]):([^:]*):(.*)$")
  return { regex = expression(decoded(regex), how == "s"), replacement = decoded(replacement) }
end)

-- "rid\npath" to the replacement of the pattern of the route, with what its groups have matched; nothing where it does not match.
core.register_converters("sluice_replace", function(input)
  local rid, path = input:match("^([^\n]*)\n(.*)$")
  local one = pattern(rid)
  if one == nil then return "" end
  local is_match, groups = one.regex:match(path)
  if not is_match then return "" end
  -- The whole match is the first of the list.
  return (one.replacement:gsub("%$(%d)", function(digit) return encoded(groups[tonumber(digit) + 1] or "") end))
end)

local origin = cached(function(rid)
  local text = origins:lookup(rid)
  if text == nil then return nil end
  return expression(decoded(text), true)
end)

-- "rid\norigin" to "yes" where the origin is one of those of the route.
core.register_converters("sluice_is_origin", function(input)
  local rid, text = input:match("^([^\n]*)\n(.*)$")
  local regex = origin(rid)
  if regex ~= nil and regex:exec(text) then return "yes" end
  return ""
end)

-- Refuses a request with the status in `txn.refused_with`.
core.register_action("sluice_refuse", { "http-req" }, function(txn)
  local status = tonumber(txn:get_var("txn.refused_with"))
  local reply = txn:reply({ status = status or 503 })
  reply:add_header("content-type", "text/plain")
  reply:set_body(status .. ": too many requests\n")
  txn:done(reply)
end)

-- How long Sluice may be away, as during an upgrade of it, before those whom it would have to be asked about are refused.
local MOST_TRIES, PAUSE_MS = 20, 250

-- Asks Sluice, which has the passwords, whether what the client says is right: "yes" or "no" into txn.verdict, or nothing at all. Both
-- sides prove to each other that they are who they are, since anybody on this machine may take a name of an abstract socket.
core.register_action("sluice_check", { "http-req" }, function(txn)
  local file = txn:get_var("txn.passwords"):match("^%x+")
  local key, socket = txn:get_var("proc.checker_key"), txn:get_var("proc.checker")
  local said = txn:get_var("txn.credentials")
  local function proof(nonce, word)
    return txn.c:hex(txn.c:sha2(key .. "|" .. nonce .. "|" .. word, 256))
  end
  for try = 1, MOST_TRIES do
    local nonce = txn.f:uuid()
    local answer = core.httpclient():get({
      url = "http://sluice/" .. file,
      dst = "abnsz@" .. socket,
      timeout = 30000,
      headers = {
        host = { "sluice" },
        authorization = { said },
        ["x-nonce"] = { nonce },
        ["x-proof"] = { proof(nonce, "ask") },
      },
    })
    local headers = answer and answer.headers or {}
    local shown = headers["x-proof"] and headers["x-proof"][0]
    for _, verdict in ipairs({ "yes", "no" }) do
      if shown == proof(nonce, verdict) then
        txn:set_var("txn.verdict", verdict)
        return
      end
    end
    if shown ~= nil then return end
    core.msleep(PAUSE_MS)
  end
end, 0)

-- "backend|method|host|path|response headers|sign-in|redirect|cookies"
local authorization = cached(function(rid)
  local text = authorizations:lookup(rid)
  if text == nil then return nil end
  local fields = {}
  for field in (text .. "|"):gmatch("([^|]*)|") do fields[#fields + 1] = field end
  local names = {}
  for name in fields[5]:gmatch("[^,]+") do names[#names + 1] = decoded(name) end
  return {
    backend = decoded(fields[1]),
    method = fields[2],
    host = decoded(fields[3]),
    path = decoded(fields[4]),
    names = names,
    sign_in = decoded(fields[6]),
    redirect = decoded(fields[7]),
    always = fields[8] == "always",
  }
end)

local function escaped(text)
  return (text:gsub("[^%w%-._~]", function(character) return ("%%%02X"):format(character:byte()) end))
end

-- What a request has, for a URL: nothing that could end it, or begin another part of it where it stands for a name.
local function filled(template, request)
  return (template:gsub("%$([%w_]+)", function(name) return request[name] or "" end))
end

local function seen(txn)
  local host = txn.f:req_hdr("host") or ""
  if not host:match("^[%w.:%[%]_-]*$") then host = "" end
  local uri = (txn.f:pathq() or "/"):gsub('[^%w%-._~:/?%[%]@!$&\'()*+,;=%%]', function(character)
    return ("%%%02X"):format(character:byte())
  end)
  local scheme = txn.f:req_hdr("x-forwarded-proto") == "https" and "https" or "http"
  return {
    host = (host:gsub(":%d+$", "")):lower(),
    http_host = host,
    best_http_host = host,
    scheme = scheme,
    pass_access_scheme = scheme,
    request_uri = uri,
    escaped_request_uri = escaped(uri),
  }
end

-- What is about this connection, or a body that the other server is not sent.
local NOT_ASKED = {}
for _, name in ipairs({
  "host", "connection", "content-length", "transfer-encoding", "upgrade", "expect", "te", "trailer", "keep-alive",
  "x-original-url", "x-original-method", "x-sent-from", "x-auth-request-redirect", "x-sluice-key", "x-sluice-backend",
}) do NOT_ASKED[name] = true end

local ASK_SECONDS, MOST_HEADERS = 60, 200

-- The status and the headers of the answer: what follows is not read, however long it is.
local function answer_of(socket)
  for _ = 1, 10 do
    local status = tonumber(((socket:receive("*l")) or ""):match("^HTTP/1%.%d (%d%d%d)"))
    if status == nil then return nil end
    local headers = {}
    for count = 1, MOST_HEADERS + 1 do
      local line = socket:receive("*l")
      if line == nil or count > MOST_HEADERS then return nil end
      line = line:gsub("\r$", "")
      if line == "" then break end
      local name, value = line:match("^([^:]+):%s*(.-)%s*$")
      if name == nil then return nil end
      name = name:lower()
      headers[name] = headers[name] or {}
      table.insert(headers[name], value)
    end
    -- What comes before the answer itself (RFC 9110 §15.2).
    if status >= 200 then return status, headers end
  end
  return nil
end

-- A question is a connection of HAProxy too, to itself. Where clients that wait for answers have all of them, no question gets through, nor
-- does any other client. So the last tenth is not for them, and a question that does not get through at once is given up: many may come
-- before the first of them is counted. That it got through is said by a 103 (`askedFrontend`).
local ASKED_BELOW, THROUGH_SECONDS = 0.9, 1

local function has_room()
  local info = core.get_info()
  return info.CurrConns < info.Maxconn * ASKED_BELOW
end

-- Asks another server whether a request is let in. Whatever goes wrong leaves txn.authorization as it is, which lets nobody in.
core.register_action("sluice_authorize", { "http-req" }, function(txn)
  local auth = authorization(txn:get_var("txn.rid"))
  if auth == nil or not has_room() then return end
  local request = seen(txn)
  local lines = {
    auth.method .. " " .. filled(auth.path, request) .. " HTTP/1.1",
    "host: " .. auth.host,
    "connection: close",
    "content-length: 0",
    "x-sluice-key: " .. txn:get_var("proc.checker_key"),
    "x-sluice-backend: " .. auth.backend,
    "x-original-url: " .. request.scheme .. "://" .. request.http_host .. request.request_uri,
    "x-original-method: " .. txn.f:method(),
    "x-sent-from: nginx-ingress-controller",
    "x-auth-request-redirect: " .. (auth.redirect ~= "" and filled(auth.redirect, request) or request.request_uri),
  }
  for name, values in pairs(txn.http:req_get_headers()) do
    if not NOT_ASKED[name] then
      for _, value in pairs(values) do lines[#lines + 1] = name .. ": " .. value end
    end
  end
  local socket = core.tcp()
  socket:settimeout(THROUGH_SECONDS)
  local status, headers
  if socket:connect("abns@" .. txn:get_var("proc.asked")) then
    socket:send(table.concat(lines, "\r\n") .. "\r\n\r\n")
    if (socket:receive("*l") or ""):match("^HTTP/1%.1 103 ") then
      socket:settimeout(ASK_SECONDS)
      repeat local line = socket:receive("*l") until line == nil or line:gsub("\r$", "") == ""
      status, headers = answer_of(socket)
    end
  end
  socket:close()
  if status == nil then return end
  if headers["set-cookie"] ~= nil and (auth.always or status < 400) then
    txn:set_var("txn.auth_cookie", headers["set-cookie"][1])
    if auth.always then txn:set_var("txn.auth_always", "yes") end
  end
  if status < 300 then
    for _, name in ipairs(auth.names) do
      txn.http:req_del_header(name)
      for _, value in ipairs(headers[name] or {}) do txn.http:req_add_header(name, value) end
    end
    txn:set_var("txn.authorization", "yes")
  elseif status == 401 and auth.sign_in ~= "" and request.host ~= "" then
    txn:set_var("txn.sign_in", filled(auth.sign_in, request))
    txn:set_var("txn.authorization", "sign-in")
  elseif status == 401 or status == 403 then
    if headers["www-authenticate"] ~= nil then txn:set_var("txn.challenge", headers["www-authenticate"][1]) end
    txn:set_var("txn.authorization", tostring(status))
  end
end, 0)
