export default function Page() {
  return <p>perdure</p>;
}
