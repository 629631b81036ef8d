// A certified OpenID Connect provider on loopback, for the sign-in tests: any name signs in, with any password.
// Usage: node oidc_provider.mjs PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI
import Provider from "oidc-provider";

const [port, clientId, clientSecret, redirectUri] = process.argv.slice(2);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: process.env.TOKEN_ENDPOINT_AUTH_METHOD || "client_secret_post",
    },
  ],
  clientAuthMethods: [process.env.TOKEN_ENDPOINT_AUTH_METHOD || "client_secret_post"],
  pkce: { required: () => true },
  claims: { openid: ["sub"], profile: ["preferred_username", "name"], email: ["email", "email_verified"] },
  async findAccount(_context, id) {
    return {
      accountId: id,
      claims: async () => ({
        sub: `subject-${id}`.toLowerCase(),
        name: id,
        ...(id === "nameless" ? {} : { preferred_username: id }),
        email: `${id}@example.kr`,
        email_verified: id !== "pretender",
      }),
    };
  },
  features: { devInteractions: { enabled: true } },
  cookies: { keys: [clientSecret] },
});

provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
