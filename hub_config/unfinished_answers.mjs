// Loaded into the proxy (node --import). A server that dies midway through an answer leaves http-proxy-3's visitor
// waiting for the rest without end; cut off instead, a browser reconnects its event stream, and a lab sends again.
import { subscribe } from "node:diagnostics_channel";

subscribe("http.server.request.start", ({ response }) => {
  response.on("pipe", (answer) => {
    answer.once("close", () => {
      if (!answer.complete) response.destroy();
    });
  });
});
