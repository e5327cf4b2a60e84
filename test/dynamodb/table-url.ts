/**
 * A server's address as the URL of a table on it, as keyfold's `open` takes it.
 *
 * @param server `dynamodb://…`, of which the host, the credentials and the options count (`dynamodb:///?region=eu-west-1`
 * is AWS itself), or `http://host:port` of an emulator, which is given credentials of no meaning.
 */
export function tableUrl(server: string, table: string): string {
  const url = new URL(server);
  if (url.protocol === "dynamodb:") {
    url.pathname = `/${table}`;
    return url.href;
  }
  const login = url.username === "" ? "test:test" : `${url.username}:${url.password}`;
  return `dynamodb://${login}@${url.host}/${table}?region=eu-west-1${url.protocol === "https:" ? "&tls=true" : ""}`;
}
